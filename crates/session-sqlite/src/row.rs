//! Between the rows of `web_sessions` and [`SessionData`].

use std::net::IpAddr;
use std::str::FromStr;

use session_core::{
    BackendError, Data, Fingerprint, Lifetime, SessionData, SessionId, Timestamp, TokenHash, UserId,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use crate::error::{corrupt, driver};

pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Reads `sql::record!`, the first column of the row.
pub(crate) fn session(row: &SqliteRow) -> Result<SessionData, BackendError> {
    found(row).map(|(session, _)| session)
}

/// How many columns that takes.
pub(crate) const WIDTH: usize = 1;

/// The same, with whether the session's current token was seen.
pub(crate) fn found(row: &SqliteRow) -> Result<(SessionData, bool), BackendError> {
    let mut rest = Packed(get(row, 0)?);
    let id = rest.field().and_then(parsed).ok_or_else(|| corrupt(None, "id"))?;
    record(id, rest).map_err(|column| corrupt(Some(id), column))
}

/// What follows the id. The error is the column that makes no sense.
fn record(id: SessionId, mut rest: Packed<'_>) -> Result<(SessionData, bool), &'static str> {
    let token_seen = rest.number("token_seen")? == 1;
    let first = rest.field().ok_or("ip_address")?;
    let ip_address = address(first).ok_or("ip_address")?;
    // Usually the same, and an address takes long to read.
    let last_ip_address = match rest.field().ok_or("last_ip_address")? {
        last if last == first => ip_address,
        last => address(last).ok_or("last_ip_address")?,
    };
    let device_type = rest.field().and_then(parsed).ok_or("device_type")?;
    let version = rest.number("version")?.cast_unsigned();
    let idle_ttl_secs = rest.optional("idle_ttl_secs")?.map(i64::cast_unsigned);
    let cookie_persistent = rest.optional("cookie_persistent")?.map(|persistent| persistent != 0);
    let created_at = Timestamp::from_micros(rest.number("created_at")?);
    let authenticated_at = rest.optional("authenticated_at")?.map(Timestamp::from_micros);
    let last_active_at = Timestamp::from_micros(rest.number("last_active_at")?);
    let expires_at = Timestamp::from_micros(rest.number("expires_at")?);
    let absolute_expires_at = rest.optional("absolute_expires_at")?.map(Timestamp::from_micros);
    let not_after = rest.optional("not_after")?.map(Timestamp::from_micros);
    let mut length = |column| rest.optional(column);
    let (user, agent) = (length("user_id")?, length("user_agent")?);
    let (device, fingerprint) = (length("device_name")?, length("fingerprint")?);
    let staff = length("impersonator")?;
    let session = SessionData {
        id,
        user_id: match rest.text(user, "user_id")? {
            None => None,
            Some(user) => Some(UserId::new(user).map_err(|_| "user_id")?),
        },
        ip_address,
        last_ip_address,
        user_agent: rest.text(agent, "user_agent")?.map(str::to_owned),
        device_name: rest.text(device, "device_name")?.ok_or("device_name")?.to_owned(),
        device_type,
        fingerprint: match rest.bytes(fingerprint, "fingerprint")? {
            None => None,
            Some(bytes) => Some(Fingerprint::from_bytes(bytes).ok_or("fingerprint")?),
        },
        impersonator: match rest.text(staff, "impersonator")? {
            None => None,
            Some(text) => Some(Box::new(text.parse().map_err(|_| "impersonator")?)),
        },
        data: str::from_utf8(rest.0).ok().and_then(data).ok_or("data")?,
        version,
        idle_ttl_secs,
        cookie_persistent,
        created_at,
        authenticated_at,
        last_active_at,
        expires_at,
        absolute_expires_at,
        not_after,
    };
    Ok((session, token_seen))
}

/// What is left of a record.
struct Packed<'r>(&'r [u8]);

impl<'r> Packed<'r> {
    /// Up to the next comma.
    fn field(&mut self) -> Option<&'r [u8]> {
        let end = self.0.iter().position(|byte| *byte == b',')?;
        let (field, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        Some(field)
    }

    fn number(&mut self, column: &'static str) -> Result<i64, &'static str> {
        self.optional(column)?.ok_or(column)
    }

    fn optional(&mut self, column: &'static str) -> Result<Option<i64>, &'static str> {
        match self.field().ok_or(column)? {
            [] => Ok(None),
            digits => parsed(digits).map(Some).ok_or(column),
        }
    }

    /// The next so many bytes.
    fn bytes(
        &mut self,
        length: Option<i64>,
        column: &'static str,
    ) -> Result<Option<&'r [u8]>, &'static str> {
        let Some(length) = length else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| column)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(column)?;
        self.0 = rest;
        Ok(Some(bytes))
    }

    fn text(
        &mut self,
        length: Option<i64>,
        column: &'static str,
    ) -> Result<Option<&'r str>, &'static str> {
        let bytes = self.bytes(length, column)?;
        bytes.map(|bytes| str::from_utf8(bytes).map_err(|_| column)).transpose()
    }
}

fn parsed<T: FromStr>(bytes: &[u8]) -> Option<T> {
    str::from_utf8(bytes).ok()?.parse().ok()
}

fn address(field: &[u8]) -> Option<Option<IpAddr>> {
    if field.is_empty() { Some(None) } else { parsed(field).map(Some) }
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

/// The column that follows what is bound after a record.
pub(crate) fn impersonator(record: &SessionData) -> Option<String> {
    record.impersonator.as_ref().map(ToString::to_string)
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
