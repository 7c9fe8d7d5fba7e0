//! What administrators and jobs ask, and streams.

use session_core::{
    BackendError, EndedBatch, EndedBy, ExpiredSession, SessionCount, SessionId, Timestamp, UserId,
    tombstone_expiry,
};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::error::corrupt;
use crate::moment::Moment;
use crate::row::{self, Statement};
use crate::sql::Texts;

pub(crate) fn get(texts: &Texts, id: &SessionId, now: Timestamp) -> Statement {
    query(texts.get.clone()).bind(id.to_string()).bind(Moment(now))
}

pub(crate) fn live(texts: &Texts, ids: &[SessionId], now: Timestamp) -> Statement {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    query(texts.live.clone()).bind(ids).bind(Moment(now))
}

/// The ids that [`live`] found, sorted here: no index has them in this order for a list.
pub(crate) fn found_live(rows: &[PgRow]) -> Result<Vec<SessionId>, BackendError> {
    let ids: Result<Vec<_>, _> = rows.iter().map(|found| row::id(found, 0)).collect();
    ids.map(|mut ids| {
        ids.sort_unstable();
        ids
    })
}

pub(crate) fn count(texts: &Texts, now: Timestamp) -> Statement {
    query(texts.count.clone()).bind(Moment(now))
}

pub(crate) fn counted(counts: &PgRow) -> Result<SessionCount, BackendError> {
    let number = |index| row::get::<i64>(counts, index).map(i64::cast_unsigned);
    Ok(SessionCount { live: number(0)?, signed_in: number(1)?, users: number(2)? })
}

pub(crate) fn end_all(
    texts: &Texts,
    how: EndedBy,
    after: Option<&SessionId>,
    now: Timestamp,
    limit: u32,
) -> Statement {
    query(texts.end_all.clone())
        // Before every id.
        .bind(after.map(ToString::to_string).unwrap_or_default())
        .bind(i64::from(limit.max(1)))
        .bind(how.as_str())
        .bind(Moment(now))
        .bind(Moment(tombstone_expiry(now, None)))
}

pub(crate) fn ended(batch: &PgRow) -> Result<EndedBatch, BackendError> {
    let next = match row::get::<Option<&str>>(batch, 1)? {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| corrupt(None, "id"))?),
    };
    Ok(EndedBatch { ended: row::ids(batch, 0)?, next })
}

/// What a purge deleted: the ids in one column, their users in the next.
pub(crate) fn expired(purged: &PgRow, index: usize) -> Result<Vec<ExpiredSession>, BackendError> {
    let users: Vec<Option<String>> = row::get(purged, index + 1)?;
    let sessions = row::ids(purged, index)?.into_iter().zip(users);
    sessions
        .map(|(id, user)| {
            let user_id = user.map(UserId::new).transpose();
            Ok(ExpiredSession { id, user_id: user_id.map_err(|_| corrupt(Some(id), "user_id"))? })
        })
        .collect()
}
