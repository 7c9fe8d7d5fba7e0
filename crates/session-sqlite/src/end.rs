//! How sessions end: with a tombstone for their token ([`all`]), or unseen, once they have expired
//! ([`purge`]).

use session_core::{
    BackendError, EndedBy, Purged, SessionId, Timestamp, TokenHash, tombstone_expiry,
};
use sqlx::{SqliteConnection, query};

use crate::error::driver;
use crate::row::{self, Statement};
use crate::sql;

/// Runs a statement that deletes sessions and returns `id, token_hash, live`; buries the tokens of
/// the live ones and returns their ids in order.
pub(crate) async fn all(
    connection: &mut SqliteConnection,
    deletion: Statement<'_>,
    how: EndedBy,
    now: Timestamp,
) -> Result<Vec<SessionId>, BackendError> {
    let rows = deletion.fetch_all(&mut *connection).await.map_err(driver)?;
    let mut ids = Vec::with_capacity(rows.len());
    for gone in rows {
        if row::get(&gone, 2)? {
            let id = row::id(&gone, 0)?;
            bury(connection, &row::token(&gone, 1)?, id, how, now, None).await?;
            ids.push(id);
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Writes the tombstone of a token that ends now.
pub(crate) async fn bury(
    connection: &mut SqliteConnection,
    token: &TokenHash,
    id: SessionId,
    how: EndedBy,
    now: Timestamp,
    grace_until: Option<Timestamp>,
) -> Result<(), BackendError> {
    query(sql::BURY)
        .bind(token.as_bytes().as_slice())
        .bind(id.to_string())
        .bind(how.as_str())
        .bind(now.as_micros())
        .bind(grace_until.map(Timestamp::as_micros))
        .bind(tombstone_expiry(now, grace_until).as_micros())
        .execute(connection)
        .await
        .map_err(driver)?;
    Ok(())
}

/// Looks at the first `limit` due sessions and tombstones.
pub(crate) async fn purge(
    connection: &mut SqliteConnection,
    now: Timestamp,
    limit: u64,
) -> Result<Purged, BackendError> {
    let removed = batch(connection, sql::PURGE, now, limit).await?;
    // Usually all of them had expired, and nothing is left to look at a second time.
    let renewed = match limit - removed {
        0 => 0,
        rest => batch(connection, sql::REFILE, now, rest).await?,
    };
    let forgotten = batch(connection, sql::PURGE_TOMBSTONES, now, limit).await?;
    Ok(Purged { removed, more: renewed + removed == limit || forgotten == limit })
}

async fn batch(
    connection: &mut SqliteConnection,
    statement: &'static str,
    now: Timestamp,
    limit: u64,
) -> Result<u64, BackendError> {
    let done = query(statement).bind(now.as_micros()).bind(limit.cast_signed());
    Ok(done.execute(connection).await.map_err(driver)?.rows_affected())
}
