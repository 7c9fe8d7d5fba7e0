//! `create` for a sign-in that takes no session's place: one statement, whoever has to go for it
//! ([`at_once`]).

use session_core::{
    BackendError, BackendErrorKind, Created, Data, NewSession, SessionId, TOMBSTONE_LIFETIME,
    Timestamp, tombstone_expiry,
};
use sqlx::query;

use crate::connections::Connections;
use crate::error::{corrupt, driver};
use crate::{row, sql, transaction};

/// Whether [`at_once`] can do it: it replaces no session, and succeeds no token.
pub(crate) fn is_plain(new: &NewSession) -> bool {
    new.record.user_id.is_some() && new.replaces.is_none() && new.presented.is_empty()
}

/// Makes the session, and evicts above the cap.
pub(crate) async fn at_once(
    writer: &Connections,
    new: NewSession,
    now: Timestamp,
) -> Result<Created, BackendError> {
    let NewSession { record: mut session, token, patch, max_bytes, cap, .. } = new;
    session.data = Data::new();
    patch.apply(&mut session.data);
    let data = session.data.to_json();
    if data.len() as u64 > max_bytes {
        return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
    }
    let statement = row::bind(query(sql::SIGN_IN), &session, data)
        .bind(row::blob(&token))
        .bind(now.as_micros())
        .bind(cap.map_or(i64::MAX, |cap| i64::from(cap.get()) - 1))
        .bind(now.minus(TOMBSTONE_LIFETIME).as_micros())
        .bind(tombstone_expiry(now, None).as_micros())
        .bind(row::impersonator(&session));
    let rows = if writer.can_give_up() {
        writer.fetch_all(statement).await.map_err(driver)?
    } else {
        transaction::run(writer, |connection| {
            Box::pin(async move { statement.fetch_all(connection).await.map_err(driver) })
        })
        .await?
    };
    let text = rows.first().map(|row| row::get::<&str>(row, 0)).transpose()?;
    let mut evicted = ids(text.unwrap_or_default()).ok_or_else(|| corrupt(None, "session_id"))?;
    evicted.sort_unstable();
    Ok(Created { session: session.into(), evicted, replaced: false })
}

/// The ids in a JSON array: they need no escapes.
fn ids(array: &str) -> Option<Vec<SessionId>> {
    let inner = array.strip_prefix('[')?.strip_suffix(']')?;
    let texts = inner.split(',').filter(|text| !text.is_empty());
    texts.map(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_an_array() {
        let id = || SessionId::generate(Timestamp::from_micros(0)).unwrap();
        let (a, b) = (id(), id());
        for (text, expected) in [
            ("[]".to_owned(), Some(vec![])),
            (format!("[\"{a}\"]"), Some(vec![a])),
            (format!("[\"{b}\",\"{a}\"]"), Some(vec![b, a])),
            (format!("[{a}]"), None),
            (String::new(), None),
        ] {
            assert_eq!(ids(&text), expected, "{text}");
        }
    }
}
