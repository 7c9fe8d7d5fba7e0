//! Between the rows of `web_sessions` and [`SessionData`].

use std::net::IpAddr;

use session_core::{
    BackendError, Data, Fingerprint, Patch, SessionData, SessionId, Timestamp, TokenHash, UserId,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};

use crate::error::{corrupt, driver};
use crate::moment::Moment;

pub(crate) type Statement = Query<'static, Postgres, PgArguments>;

/// Reads the columns of `sql::columns!`, which begin the row.
pub(crate) fn session(row: &PgRow) -> Result<SessionData, BackendError> {
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
        not_after: optional_time(row, 17)?,
        impersonator: match get::<Option<&str>>(row, 18)? {
            None => None,
            Some(text) => Some(Box::new(text.parse().map_err(|_| wrong("impersonator"))?)),
        },
    })
}

/// How many columns [`session`] reads.
pub(crate) const WIDTH: usize = 19;

/// Reads stored data. `None` if it is no JSON object.
pub(crate) fn data(text: &str) -> Option<Data> {
    // What most sessions hold: nothing.
    if text == "{}" { Some(Data::new()) } else { Data::from_json(text.as_bytes()).ok() }
}

/// Binds a record without its data: id, token, and the other columns in their order.
pub(crate) fn bind_record(
    statement: Statement,
    record: &SessionData,
    token: &TokenHash,
) -> Statement {
    statement
        .bind(record.id.to_string())
        .bind(bytes(token))
        .bind(record.user_id.as_ref().map(|user| user.as_str().to_owned()))
        .bind(record.ip_address.map(|address| address.to_string()))
        .bind(record.last_ip_address.map(|address| address.to_string()))
        .bind(record.user_agent.clone())
        .bind(record.device_name.clone())
        .bind(record.device_type.as_str())
        .bind(record.fingerprint.as_ref().map(|fingerprint| fingerprint.to_bytes().to_vec()))
        .bind(record.version.cast_signed())
        .bind(record.idle_ttl_secs.map(u64::cast_signed))
        .bind(record.cookie_persistent)
        .bind(Moment(record.created_at))
        .bind(record.authenticated_at.map(Moment))
        .bind(Moment(record.last_active_at))
        .bind(Moment(record.expires_at))
        .bind(record.absolute_expires_at.map(Moment))
        .bind(record.not_after.map(Moment))
}

/// Binds a patch: whether it clears, the keys it removes, an object of what it sets or NULL if
/// there is no patch, and the ceiling. An application's values stay text here; the server reads them.
pub(crate) fn bind_patch(statement: Statement, patch: Option<&Patch>, max_bytes: u64) -> Statement {
    let removals = patch.map(|patch| patch.removals().map(str::to_owned).collect::<Vec<_>>());
    statement
        .bind(patch.is_some_and(Patch::clears))
        .bind(removals)
        .bind(patch.map(object))
        .bind(i64::try_from(max_bytes).unwrap_or(i64::MAX))
}

fn object(patch: &Patch) -> String {
    let mut text = String::from("{");
    for (key, value) in patch.sets() {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(key).to_string());
        text.push(':');
        text.push_str(&value.to_string());
    }
    text.push('}');
    text
}

pub(crate) fn get<'r, T>(row: &'r PgRow, index: usize) -> Result<T, BackendError>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    // Unchecked is the type that sqlx would compare, not the value: the statements are constants.
    row.try_get_unchecked(index).map_err(driver)
}

pub(crate) fn id(row: &PgRow, index: usize) -> Result<SessionId, BackendError> {
    parse_id(get(row, index)?)
}

pub(crate) fn ids(row: &PgRow, index: usize) -> Result<Vec<SessionId>, BackendError> {
    get::<Vec<String>>(row, index)?.iter().map(|text| parse_id(text)).collect()
}

fn parse_id(text: &str) -> Result<SessionId, BackendError> {
    text.parse().map_err(|_| corrupt(None, "id"))
}

pub(crate) fn time(row: &PgRow, index: usize) -> Result<Timestamp, BackendError> {
    get::<Moment>(row, index).map(|moment| moment.0)
}

pub(crate) fn optional_time(row: &PgRow, index: usize) -> Result<Option<Timestamp>, BackendError> {
    Ok(get::<Option<Moment>>(row, index)?.map(|moment| moment.0))
}

/// A token hash to bind.
pub(crate) fn bytes(token: &TokenHash) -> Vec<u8> {
    token.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_one_object() {
        let mut patch = Patch::new();
        assert_eq!(object(&patch), "{}");
        patch.set("a\"b", 1.into());
        patch.set("", serde_json::json!({"c": null}));
        patch.remove("gone");
        assert_eq!(object(&patch), r#"{"":{"c":null},"a\"b":1}"#);
    }
}
