//! How sessions end: with a tombstone for each of their tokens ([`all`]), or unseen, once they have
//! expired ([`purge`]).

use std::num::NonZeroU32;

use session_core::{
    BackendError, BackendErrorKind, EndedBy, ExpiredSession, PurgeReport, Purged, SessionId,
    SessionRef, TOMBSTONE_LIFETIME, Timestamp, TokenHash, UserId, tombstone_expiry,
};
use sqlx::{SqliteConnection, query};

use crate::error::{corrupt, driver};
use crate::row::{self, Statement};
use crate::sql;

/// How sessions end.
#[derive(Clone, Copy)]
pub(crate) struct End<'e> {
    pub(crate) how: EndedBy,
    /// The token that asked for it.
    pub(crate) by: Option<TokenHash>,
    pub(crate) successor: Option<Successor<'e>>,
    pub(crate) at: Timestamp,
}

/// The session that takes the place of one that ends.
#[derive(Clone, Copy)]
pub(crate) struct Successor<'e> {
    pub(crate) id: SessionId,
    /// Its user, and what the one that ends holds, if that user may carry it once more.
    pub(crate) carry: Option<(&'e UserId, &'e str)>,
}

impl End<'_> {
    /// A sign-out is one of the token that asked for it.
    fn how(&self, token: Option<&TokenHash>) -> EndedBy {
        match self.how {
            EndedBy::SignedOut if token.is_none() || token != self.by.as_ref() => EndedBy::Revoked,
            how => how,
        }
    }
}

/// Runs a statement that deletes sessions and returns `id, token_hash, live`; buries the tokens of
/// the live ones and returns their ids in order.
pub(crate) async fn all(
    connection: &mut SqliteConnection,
    deletion: Statement<'_>,
    end: End<'_>,
) -> Result<Vec<SessionId>, BackendError> {
    let rows = deletion.fetch_all(&mut *connection).await.map_err(driver)?;
    let mut ids = Vec::with_capacity(rows.len());
    for gone in rows {
        if row::get(&gone, 2)? {
            let id = row::id(&gone, 0)?;
            let token = row::token(&gone, 1)?;
            earlier_tokens(connection, id, end).await?;
            bury(connection, &token, id, End { how: end.how(Some(&token)), ..end }, None).await?;
            ids.push(id);
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

/// All tokens of a session share its end.
async fn earlier_tokens(
    connection: &mut SqliteConnection,
    id: SessionId,
    end: End<'_>,
) -> Result<(), BackendError> {
    let earlier = query(sql::END_EARLIER)
        .bind(id.to_string())
        .bind(end.at.as_micros())
        .bind(end.how(None).as_str())
        .bind(end.by.as_ref().map(row::blob))
        .bind(end.how(end.by.as_ref()).as_str())
        .bind(tombstone_expiry(end.at, None).as_micros())
        .bind(end.successor.map(|successor| successor.id.to_string()));
    earlier.execute(connection).await.map_err(driver).map(|_| ())
}

/// Ends the user's sessions above the cap, but not the newcomer. Each stays where it is, as its own tombstone.
pub(crate) async fn evict(
    connection: &mut SqliteConnection,
    user: &UserId,
    newcomer: SessionId,
    cap: NonZeroU32,
    now: Timestamp,
) -> Result<Vec<SessionId>, BackendError> {
    let victims = query(sql::EVICT)
        .bind(user.as_str())
        .bind(now.as_micros())
        .bind(newcomer.to_string())
        .bind(i64::from(cap.get()) - 1);
    let rows = victims.fetch_all(&mut *connection).await.map_err(driver)?;
    let mut ids = rows.iter().map(|row| row::id(row, 0)).collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    for id in &ids {
        let end = End { how: EndedBy::Evicted, by: None, successor: None, at: now };
        earlier_tokens(connection, *id, end).await?;
    }
    Ok(ids)
}

/// Notes which session a sign-in made from a token that had ended.
pub(crate) async fn succeed(
    connection: &mut SqliteConnection,
    token: &TokenHash,
    successor: SessionId,
    now: Timestamp,
) -> Result<(), BackendError> {
    let token = token.as_bytes().as_slice();
    let noted = query(sql::SUCCEED).bind(token).bind(successor.to_string());
    if noted.execute(&mut *connection).await.map_err(driver)?.rows_affected() > 0 {
        return Ok(());
    }
    // For no longer than it would have been known anyway.
    let known_for = i64::try_from(TOMBSTONE_LIFETIME.as_micros()).unwrap_or(i64::MAX);
    let buried = query(sql::BURY_EVICTED)
        .bind(token)
        .bind(successor.to_string())
        .bind(now.minus(TOMBSTONE_LIFETIME).as_micros())
        .bind(known_for);
    if buried.execute(&mut *connection).await.map_err(driver)?.rows_affected() > 0 {
        let moved = query(sql::FORGET_EVICTED).bind(token);
        moved.execute(connection).await.map_err(driver)?;
    }
    Ok(())
}

/// Writes the tombstone of a token that ends now.
pub(crate) async fn bury(
    connection: &mut SqliteConnection,
    token: &TokenHash,
    id: SessionId,
    end: End<'_>,
    grace_until: Option<Timestamp>,
) -> Result<(), BackendError> {
    let carry = end.successor.and_then(|successor| successor.carry);
    query(sql::BURY)
        .bind(token.as_bytes().as_slice())
        .bind(id.to_string())
        .bind(end.how.as_str())
        .bind(end.at.as_micros())
        .bind(grace_until.map(Timestamp::as_micros))
        .bind(tombstone_expiry(end.at, grace_until).as_micros())
        .bind(end.successor.map(|successor| successor.id.to_string()))
        .bind(carry.map(|(_, data)| data))
        .bind(carry.map(|(user, _)| user.as_str()))
        .execute(connection)
        .await
        .map_err(driver)?;
    Ok(())
}

/// Refuses what is asked for by the right of a session that has none any more.
pub(crate) async fn check_acting(
    connection: &mut SqliteConnection,
    acting: Option<&SessionRef>,
    now: Timestamp,
) -> Result<(), BackendError> {
    let Some(acting) = acting else { return Ok(()) };
    if let Some(token) = &acting.token {
        let statement = query(sql::MAY_ACT)
            .bind(acting.id.to_string())
            .bind(now.as_micros())
            .bind(row::blob(token));
        if statement.fetch_optional(connection).await.map_err(driver)?.is_some() {
            return Ok(());
        }
    }
    Err(BackendError::from_kind(BackendErrorKind::ActingEnded))
}

/// Looks at the first `limit` due sessions and tombstones.
pub(crate) async fn purge(
    connection: &mut SqliteConnection,
    now: Timestamp,
    limit: u64,
    report: PurgeReport,
) -> Result<Purged, BackendError> {
    let (removed, expired) = match report {
        PurgeReport::Count => (batch(connection, sql::PURGE, now, limit).await?, Vec::new()),
        PurgeReport::Sessions => {
            let expired = named_batch(connection, now, limit).await?;
            (u64::try_from(expired.len()).unwrap_or(limit), expired)
        }
    };
    // Usually all of them had expired, and nothing is left to look at a second time.
    let renewed = match limit - removed {
        0 => 0,
        rest => batch(connection, sql::REFILE, now, rest).await?,
    };
    let forgotten = batch(connection, sql::PURGE_TOMBSTONES, now, limit).await?;
    let known_since = now.minus(TOMBSTONE_LIFETIME);
    let evicted = batch(connection, sql::PURGE_EVICTED, known_since, limit).await?;
    let more = renewed + removed == limit || forgotten == limit || evicted == limit;
    Ok(Purged { removed, more, expired })
}

async fn named_batch(
    connection: &mut SqliteConnection,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<ExpiredSession>, BackendError> {
    let gone = query(sql::PURGE_AND_TELL).bind(now.as_micros()).bind(limit.cast_signed());
    let rows = gone.fetch_all(connection).await.map_err(driver)?;
    let expired = rows.iter().map(|gone| {
        let (id, user) = (row::id(gone, 0)?, row::get::<Option<&str>>(gone, 1)?);
        let user_id = user.map(UserId::new).transpose();
        Ok(ExpiredSession { id, user_id: user_id.map_err(|_| corrupt(Some(id), "user_id"))? })
    });
    expired.collect()
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
