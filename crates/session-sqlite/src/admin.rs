//! What administrators and jobs ask, and streams.

use session_core::{
    BackendError, EndedBatch, EndedBy, SessionCount, SessionData, SessionId, Timestamp,
};
use sqlx::{SqliteConnection, query};

use crate::connections::Connections;
use crate::end::{self, End};
use crate::error::driver;
use crate::{row, sql};

pub(crate) async fn get(
    readers: &Connections,
    id: &SessionId,
    now: Timestamp,
) -> Result<Option<SessionData>, BackendError> {
    let statement = query(sql::GET).bind(id.to_string()).bind(now.as_micros());
    let rows = readers.fetch_all(statement).await.map_err(driver)?;
    rows.first().map(row::session).transpose()
}

pub(crate) async fn live(
    readers: &Connections,
    ids: &[SessionId],
    now: Timestamp,
) -> Result<Vec<SessionId>, BackendError> {
    // Ids need no escapes. One parameter for all of them, so that there is one text.
    let mut list = String::with_capacity(2 + ids.len() * 29);
    for id in ids {
        list.push_str(if list.is_empty() { "[\"" } else { "\",\"" });
        list.push_str(&id.to_string());
    }
    list.push_str(if list.is_empty() { "[]" } else { "\"]" });
    let statement = query(sql::LIVE).bind(list).bind(now.as_micros());
    let rows = readers.fetch_all(statement).await.map_err(driver)?;
    rows.iter().map(|found| row::id(found, 0)).collect()
}

pub(crate) async fn count(
    readers: &Connections,
    now: Timestamp,
) -> Result<SessionCount, BackendError> {
    let statement = query(sql::COUNT).bind(now.as_micros());
    let rows = readers.fetch_all(statement).await.map_err(driver)?;
    let Some(counts) = rows.first() else { return Ok(SessionCount::default()) };
    let number = |index| row::get::<i64>(counts, index).map(i64::cast_unsigned);
    Ok(SessionCount { live: number(0)?, signed_in: number(1)?, users: number(2)? })
}

/// Ends the live ones of the first `limit` sessions after `after`.
pub(crate) async fn end_batch(
    connection: &mut SqliteConnection,
    how: EndedBy,
    after: Option<SessionId>,
    now: Timestamp,
    limit: u32,
) -> Result<EndedBatch, BackendError> {
    // Before every id.
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let last = query(sql::LAST_OF_BATCH).bind(after.clone()).bind(i64::from(limit.max(1)) - 1);
    let last = last.fetch_optional(&mut *connection).await.map_err(driver)?;
    let next = last.map(|last| row::id(&last, 0)).transpose()?;
    let gone = query(sql::END_BATCH)
        .bind(after)
        .bind(now.as_micros())
        .bind(next.map(|last| last.to_string()));
    let end = End { how, by: None, successor: None, at: now };
    Ok(EndedBatch { ended: end::all(connection, gone, end).await?, next })
}
