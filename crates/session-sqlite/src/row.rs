//! Between the rows of `web_sessions` and [`SessionData`].

use std::net::IpAddr;

use session_core::{
    BackendError, Data, Fingerprint, Lifetime, SessionData, SessionId, Timestamp, TokenHash, UserId,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use crate::error::{corrupt, driver};

pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Reads the columns of `sql::record!`, which begin the row.
pub(crate) fn session(row: &SqliteRow) -> Result<SessionData, BackendError> {
    found(row).map(|(session, _)| session)
}

/// The same, with whether the session's current token was seen.
pub(crate) fn found(row: &SqliteRow) -> Result<(SessionData, bool), BackendError> {
    let id = id(row, 0)?;
    let wrong = |column| corrupt(Some(id), column);
    let address = |index, column| -> Result<Option<IpAddr>, BackendError> {
        match get::<Option<&str>>(row, index)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| wrong(column)),
        }
    };
    let user_id = match get::<Option<&str>>(row, USER)? {
        None => None,
        Some(text) => Some(UserId::new(text).map_err(|_| wrong("user_id"))?),
    };
    let fingerprint = match get::<Option<&[u8]>>(row, 7)? {
        None => None,
        Some(bytes) => Some(Fingerprint::from_bytes(bytes).ok_or_else(|| wrong("fingerprint"))?),
    };
    let rare = match get::<Option<&str>>(row, 14)? {
        None => Rare::default(),
        Some(text) => Rare::read(text).ok_or_else(|| wrong("token_seen"))?,
    };
    let session = SessionData {
        id,
        user_id,
        ip_address: address(2, "ip_address")?,
        last_ip_address: address(3, "last_ip_address")?,
        user_agent: get(row, 4)?,
        device_name: get(row, 5)?,
        device_type: get::<&str>(row, 6)?.parse().map_err(|_| wrong("device_type"))?,
        fingerprint,
        data: data(get(row, DATA)?).ok_or_else(|| wrong("data"))?,
        version: get::<i64>(row, 9)?.cast_unsigned(),
        idle_ttl_secs: rare.lifetime.idle_ttl_secs,
        cookie_persistent: rare.lifetime.cookie_persistent,
        created_at: time(row, 10)?,
        authenticated_at: optional_time(row, 11)?,
        last_active_at: time(row, 12)?,
        expires_at: time(row, 13)?,
        absolute_expires_at: rare.absolute_expires_at,
        not_after: rare.lifetime.not_after,
    };
    Ok((session, rare.token_seen))
}

/// How many columns [`session`] reads.
pub(crate) const WIDTH: usize = 15;

/// What few sessions have.
struct Rare {
    token_seen: bool,
    absolute_expires_at: Option<Timestamp>,
    lifetime: Lifetime,
}

impl Default for Rare {
    fn default() -> Self {
        Self { token_seen: true, absolute_expires_at: None, lifetime: Lifetime::new() }
    }
}

impl Rare {
    fn read(text: &str) -> Option<Self> {
        let [seen, absolute, own @ ..] = numbers::<5>(text)?;
        Some(Self {
            token_seen: seen == Some(1),
            absolute_expires_at: absolute.map(Timestamp::from_micros),
            lifetime: lifetime(own),
        })
    }
}

/// The numbers and nulls of a JSON array.
pub(crate) fn numbers<const N: usize>(text: &str) -> Option<[Option<i64>; N]> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut numbers = [None; N];
    let mut parts = inner.split(',');
    for number in &mut numbers {
        *number = match parts.next()? {
            "null" => None,
            digits => Some(digits.parse().ok()?),
        };
    }
    parts.next().is_none().then_some(numbers)
}

/// Idle lifetime, persistence of the cookie, and fixed end.
pub(crate) fn lifetime([idle, persistent, not_after]: [Option<i64>; 3]) -> Lifetime {
    Lifetime {
        idle_ttl_secs: idle.map(i64::cast_unsigned),
        cookie_persistent: persistent.map(|persistent| persistent != 0),
        not_after: not_after.map(Timestamp::from_micros),
    }
}

/// Where some of them are.
pub(crate) const USER: usize = 1;
pub(crate) const DATA: usize = 8;

/// Reads stored data. `None` if it is no JSON object.
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
        .bind(record.not_after.map(Timestamp::as_micros))
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
