//! `create`: one statement for an anonymous session ([`anonymous`]), several for a sign-in
//! ([`in_transaction`]).

use session_core::{
    BackendError, BackendErrorKind, Created, Data, EndedBy, NewSession, Replace, SessionData,
    Timestamp,
};
use sqlx::{SqliteConnection, query};

use crate::connections::Connections;
use crate::error::driver;
use crate::{end, row, sql};

/// A session that replaces none and counts towards no cap.
pub(crate) async fn anonymous(
    writer: &Connections,
    mut new: NewSession,
    now: Timestamp,
) -> Result<Created, BackendError> {
    new.record.data = Data::new();
    let mut lease = writer.lease().await.map_err(driver)?;
    let session = insert(&mut lease, new, now).await?;
    lease.give_back();
    Ok(Created { session, evicted: Vec::new(), replaced: false })
}

pub(crate) async fn in_transaction(
    connection: &mut SqliteConnection,
    mut new: NewSession,
    now: Timestamp,
) -> Result<Created, BackendError> {
    let cap = new.cap;
    new.record.data = Data::new();
    let replaced = match new.replaces.take() {
        None => None,
        Some(Replace { session, carry }) => {
            let old = query(sql::LOAD).bind(session.id.to_string()).bind(now.as_micros());
            let old = old.fetch_all(&mut *connection).await.map_err(driver)?;
            if let Some(old) = old.first() {
                new.record.data = row::session(old)?.data;
                carry.apply(&mut new.record.data);
            }
            (!old.is_empty()).then(|| session.id.to_string())
        }
    };
    // Before the old one goes, so that its id and its token count as in use.
    let session = insert(&mut *connection, new, now).await?;
    if let Some(id) = &replaced {
        let gone = query(sql::REMOVE).bind(id).bind(now.as_micros()).bind(None::<&str>);
        end::all(connection, gone, EndedBy::Replaced, now).await?;
    }
    let mut evicted = Vec::new();
    if let Some(user) = &session.user_id {
        let expired = query(sql::REMOVE_EXPIRED).bind(user.as_str()).bind(now.as_micros());
        expired.execute(&mut *connection).await.map_err(driver)?;
        if let Some(cap) = cap {
            let victims = query(sql::EVICT)
                .bind(user.as_str())
                .bind(now.as_micros())
                .bind(session.id.to_string())
                .bind(i64::from(cap.get()) - 1);
            evicted = end::all(connection, victims, EndedBy::Evicted, now).await?;
        }
    }
    Ok(Created { session, evicted, replaced: replaced.is_some() })
}

/// Applies the patch to the data that the record came with, and stores it.
async fn insert(
    connection: &mut SqliteConnection,
    new: NewSession,
    now: Timestamp,
) -> Result<SessionData, BackendError> {
    let NewSession { record: mut session, token, patch, max_bytes, .. } = new;
    patch.apply(&mut session.data);
    let data = session.data.to_json();
    if data.len() as u64 > max_bytes {
        return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
    }
    let inserted = row::bind(query(sql::INSERT), &session, data)
        .bind(row::blob(&token))
        .bind(now.as_micros())
        .execute(connection)
        .await
        .map_err(driver)?;
    // The token is one that ended lately. To issue it again would revive it.
    if inserted.rows_affected() == 0 {
        return Err(BackendError::from_kind(BackendErrorKind::Conflict));
    }
    Ok(session)
}
