//! Between the rows of `web_sessions` and [`SessionData`].

use std::net::IpAddr;

use session_core::{
    BackendError, Data, Fingerprint, SessionData, SessionId, Timestamp, TokenHash, UserId,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use crate::error::{corrupt, driver};

pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Reads the columns of `sql::columns!`, which begin the row.
pub(crate) fn session(row: &SqliteRow) -> Result<SessionData, BackendError> {
    let id = id(row, 0)?;
    let wrong = |column| corrupt(Some(id), column);
    let address = |index, column| -> Result<Option<IpAddr>, BackendError> {
        match get::<Option<&str>>(row, index)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| wrong(column)),
        }
    };
    let user_id = match get::<Option<&str>>(row, 1)? {
        None => None,
        Some(text) => Some(UserId::new(text).map_err(|_| wrong("user_id"))?),
    };
    let fingerprint = match get::<Option<&[u8]>>(row, 7)? {
        None => None,
        Some(bytes) => Some(Fingerprint::from_bytes(bytes).ok_or_else(|| wrong("fingerprint"))?),
    };
    Ok(SessionData {
        id,
        user_id,
        ip_address: address(2, "ip_address")?,
        last_ip_address: address(3, "last_ip_address")?,
        user_agent: get(row, 4)?,
        device_name: get(row, 5)?,
        device_type: get::<&str>(row, 6)?.parse().map_err(|_| wrong("device_type"))?,
        fingerprint,
        data: data(get(row, 8)?).ok_or_else(|| wrong("data"))?,
        version: get::<i64>(row, 9)?.cast_unsigned(),
        idle_ttl_secs: get::<Option<i64>>(row, 10)?.map(i64::cast_unsigned),
        cookie_persistent: get(row, 11)?,
        created_at: time(row, 12)?,
        authenticated_at: optional_time(row, 13)?,
        last_active_at: time(row, 14)?,
        expires_at: time(row, 15)?,
        absolute_expires_at: optional_time(row, 16)?,
    })
}

/// How many columns [`session`] reads.
pub(crate) const WIDTH: usize = 17;

/// Reads stored data. `None` where it is no JSON object.
pub(crate) fn data(text: &str) -> Option<Data> {
    // What most sessions hold: nothing.
    if text == "{}" { Some(Data::new()) } else { Data::from_json(text.as_bytes()).ok() }
}

/// Binds a record in the order of `sql::columns!`; `data` instead of the record's own.
pub(crate) fn bind<'q>(
    statement: Statement<'q>,
    record: &SessionData,
    data: String,
) -> Statement<'q> {
    statement
        .bind(record.id.to_string())
        .bind(record.user_id.as_ref().map(|user| user.as_str().to_owned()))
        .bind(record.ip_address.map(|address| address.to_string()))
        .bind(record.last_ip_address.map(|address| address.to_string()))
        .bind(record.user_agent.clone())
        .bind(record.device_name.clone())
        .bind(record.device_type.as_str())
        .bind(record.fingerprint.as_ref().map(|fingerprint| fingerprint.to_bytes().to_vec()))
        .bind(data)
        .bind(record.version.cast_signed())
        .bind(record.idle_ttl_secs.map(u64::cast_signed))
        .bind(record.cookie_persistent)
        .bind(record.created_at.as_micros())
        .bind(record.authenticated_at.map(Timestamp::as_micros))
        .bind(record.last_active_at.as_micros())
        .bind(record.expires_at.as_micros())
        .bind(record.absolute_expires_at.map(Timestamp::as_micros))
}

pub(crate) fn get<'r, T>(row: &'r SqliteRow, index: usize) -> Result<T, BackendError>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    // Unchecked is the type that sqlx would compare, not the value: the tables are STRICT.
    row.try_get_unchecked(index).map_err(driver)
}

pub(crate) fn id(row: &SqliteRow, index: usize) -> Result<SessionId, BackendError> {
    get::<&str>(row, index)?.parse().map_err(|_| corrupt(None, "id"))
}

pub(crate) fn time(row: &SqliteRow, index: usize) -> Result<Timestamp, BackendError> {
    get(row, index).map(Timestamp::from_micros)
}

pub(crate) fn optional_time(
    row: &SqliteRow,
    index: usize,
) -> Result<Option<Timestamp>, BackendError> {
    Ok(get::<Option<i64>>(row, index)?.map(Timestamp::from_micros))
}

pub(crate) fn token(row: &SqliteRow, index: usize) -> Result<TokenHash, BackendError> {
    let bytes: &[u8] = get(row, index)?;
    bytes.try_into().map(TokenHash::from_bytes).map_err(|_| corrupt(None, "token_hash"))
}

/// A token hash to bind.
pub(crate) fn blob(token: &TokenHash) -> Vec<u8> {
    token.as_bytes().to_vec()
}
