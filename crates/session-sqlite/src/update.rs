//! `update`: one statement on the path of every request ([`at_once`]); a transaction for a new
//! token, and wherever one statement cannot tell ([`in_transaction`]).

use session_core::{
    Applied, BackendError, BackendErrorKind, EndedBy, MAX_GRACES, Rotation, SessionChange,
    SessionId, SessionRef, Timestamp, TokenHash, TokenState, Updated, UserId,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, query};

use crate::connect::Pools;
use crate::end::End;
use crate::error::{SQLITE_ERROR, corrupt, driver, primary_code};
use crate::library::Merging;
use crate::patch::Merge;
use crate::{end, row, sql};

/// Data and touch. `None` if a transaction has to see to it; nothing is changed then.
pub(crate) async fn at_once(
    pools: &Pools,
    session: &SessionRef,
    change: &SessionChange,
    now: Timestamp,
) -> Result<Option<Updated>, BackendError> {
    if change.rotation.is_some() || change.reauthentication.is_some() || change.lifetime.is_some() {
        return Ok(None);
    }
    if change.patch.is_empty() && change.touch.is_none() {
        return look(pools, session, change, now).await;
    }
    let Some(merge) = Merge::plan(&change.patch, change.max_bytes) else { return Ok(None) };
    if merge.needs_sql() && pools.library.merging() == Merging::InTransaction {
        return Ok(None);
    }

    let mut statement = query(sql::update(change.touch.is_some(), merge.document))
        .bind(session.id.to_string())
        .bind(now.as_micros())
        .bind(change.if_version.map(u64::cast_signed))
        .bind(session.token.as_ref().map(row::blob));
    if let Some(touch) = &change.touch {
        let agent = touch.agent.as_ref();
        statement = statement
            .bind(touch.due_before.as_micros())
            .bind(touch.expires_at.as_micros())
            .bind(touch.ip_address.map(|address| address.to_string()))
            .bind(agent.map(|agent| agent.user_agent.as_str()))
            .bind(agent.map(|agent| agent.device_name.as_str()))
            .bind(agent.map(|agent| agent.device_type.as_str()))
            .bind(change.presented);
    }
    // All rows, though there is at most one: the statement commits when it is done, and after the
    // first row it is not. A commit that fails (a full disk) would go unseen.
    match pools.to_write().fetch_all(merge.bind(statement)).await {
        Ok(rows) => match rows.first() {
            Some(row) => applied(row, change.touch.is_some()).map(Some),
            None => look(pools, session, change, now).await,
        },
        // No tables, or stored data that is no JSON: the transaction tells them apart.
        Err(error) if primary_code(&error) == Some(SQLITE_ERROR) => Ok(None),
        Err(error) => Err(driver(error)),
    }
}

/// Why a change did not apply, if that takes no transaction to say.
async fn look(
    pools: &Pools,
    session: &SessionRef,
    change: &SessionChange,
    now: Timestamp,
) -> Result<Option<Updated>, BackendError> {
    let statement = query(sql::LOOK)
        .bind(session.id.to_string())
        .bind(now.as_micros())
        .bind(session.token.as_ref().map(row::blob));
    let found = pools.readers.fetch_all(statement).await.map_err(driver)?;
    let Some(found) = found.first() else { return Ok(Some(Updated::Missing)) };
    let version = row::get::<i64>(found, 0)?.cast_unsigned();
    if change.if_version.is_some_and(|wanted| wanted != version) {
        return Ok(Some(Updated::Conflict));
    }
    let last_active_at = row::time(found, 2)?;
    let is_first_seen = change.presented && row::get(found, 3)?;
    let touch = change.touch.as_ref();
    if !change.patch.is_empty()
        || touch.is_some_and(|touch| is_first_seen || last_active_at <= touch.due_before)
    {
        // The data may be too large; or the touch is not due, and the data still has to go in; or it
        // marks the token as seen.
        return Ok(None);
    }
    applied(found, false).map(Some)
}

/// Reads the columns of `sql::state!`, which begin the row.
fn applied(row: &SqliteRow, touched: bool) -> Result<Updated, BackendError> {
    // SQLite makes text of a number that is asked for as text.
    let text: &str = row::get(row, 1)?;
    let (expires_at, is_current, own) = match text.parse() {
        Ok(expires_at) => (Some(expires_at), true, [None; 3]),
        Err(_) => {
            let [expires_at, is_current, own @ ..] =
                row::numbers::<5>(text).ok_or_else(|| corrupt(None, "expires_at"))?;
            (expires_at, is_current == Some(1), own)
        }
    };
    Ok(Updated::Applied(Applied {
        version: row::get::<i64>(row, 0)?.cast_unsigned(),
        token: token_state(is_current),
        touched,
        expires_at: expires_at
            .map(Timestamp::from_micros)
            .ok_or_else(|| corrupt(None, "expires_at"))?,
        lifetime: row::lifetime(own),
        ended: Vec::new(),
    }))
}

const fn token_state(current: bool) -> TokenState {
    if current { TokenState::Current } else { TokenState::Grace }
}

/// Any change, on what is stored under the lock.
pub(crate) async fn in_transaction(
    connection: &mut SqliteConnection,
    session: &SessionRef,
    change: SessionChange,
    now: Timestamp,
) -> Result<Updated, BackendError> {
    let stored = query(sql::LOAD)
        .bind(session.id.to_string())
        .bind(now.as_micros())
        .bind(session.token.as_ref().map(row::blob))
        .fetch_all(&mut *connection)
        .await
        .map_err(driver)?;
    let Some(stored) = stored.first() else { return Ok(Updated::Missing) };
    let current = row::token(stored, row::WIDTH)?;
    let (mut record, mut token_seen) = row::found(stored)?;
    let is_current = session.token.as_ref() == Some(&current);

    if change.if_version.is_some_and(|version| version != record.version) {
        return Ok(Updated::Conflict);
    }
    if let Some(rotation) = &change.rotation {
        let applies = match rotation {
            Rotation::Graceful { .. } => is_current,
            Rotation::Immediate { .. } => session.token.is_some(),
        };
        if !applies {
            return Ok(Updated::Superseded);
        }
        // While the token before is the current one, so that it counts as in use.
        put_token(connection, record.id, rotation.token(), &current, now).await?;
    }

    let is_first_seen = change.presented && is_current && !token_seen;
    let touched = change.apply(&mut record, is_first_seen, now);
    let data = record.data.to_json();
    if !change.patch.is_empty() && data.len() as u64 > change.max_bytes {
        return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
    }
    if is_first_seen && (touched || change.rotation.is_some() || change.reauthentication.is_some())
    {
        // The browser has the current token, and so whatever came before it is followed.
        token_seen = true;
        let marked = query(sql::MARK_SEEN).bind(record.id.to_string());
        marked.execute(&mut *connection).await.map_err(driver)?;
    }
    row::bind(query(sql::STORE), &record, data)
        .bind(token_seen && change.rotation.is_none())
        .execute(&mut *connection)
        .await
        .map_err(driver)?;
    if let Some(rotation) = &change.rotation {
        end_token(connection, record.id, rotation, &current, now).await?;
    }
    let others = change.reauthentication.as_ref().is_some_and(|again| again.end_others);
    let ended = match record.user_id.as_ref().filter(|_| others) {
        Some(user) => end_others(connection, user, record.id, now).await?,
        None => Vec::new(),
    };
    Ok(Updated::Applied(Applied {
        version: record.version,
        token: token_state(is_current || change.rotation.is_some()),
        touched,
        expires_at: record.expires_at,
        lifetime: record.lifetime(),
        ended,
    }))
}

async fn put_token(
    connection: &mut SqliteConnection,
    id: SessionId,
    token: &TokenHash,
    current: &TokenHash,
    now: Timestamp,
) -> Result<(), BackendError> {
    let rotated = query(sql::ROTATE)
        .bind(id.to_string())
        .bind(token.as_bytes().as_slice())
        .bind(now.as_micros())
        .execute(connection)
        .await
        .map_err(driver)?;
    if rotated.rows_affected() == 0 || token == current {
        return Err(BackendError::from_kind(BackendErrorKind::Conflict));
    }
    Ok(())
}

/// Buries the token before a rotation, and bounds how many are in grace.
async fn end_token(
    connection: &mut SqliteConnection,
    id: SessionId,
    rotation: &Rotation,
    token: &TokenHash,
    now: Timestamp,
) -> Result<(), BackendError> {
    // Beside the one that gets it now.
    let graces = match rotation {
        Rotation::Graceful { .. } => MAX_GRACES - 1,
        Rotation::Immediate { .. } => 0,
    };
    let graces =
        query(sql::END_GRACES).bind(id.to_string()).bind(now.as_micros()).bind(graces as i64);
    graces.execute(&mut *connection).await.map_err(driver)?;
    let end = End { how: EndedBy::Rotated, by: None, successor: None, at: now };
    end::bury(connection, token, id, end, rotation.grace_until()).await
}

async fn end_others(
    connection: &mut SqliteConnection,
    user: &UserId,
    but: SessionId,
    now: Timestamp,
) -> Result<Vec<SessionId>, BackendError> {
    let gone =
        query(sql::REMOVE_USER).bind(user.as_str()).bind(now.as_micros()).bind(but.to_string());
    let end = End { how: EndedBy::Revoked, by: None, successor: None, at: now };
    end::all(connection, gone, end).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use session_core::{NewSession, Patch, SessionData, SessionToken, Touch};

    use super::*;
    use crate::config::SqliteConfig;
    use crate::{connect, create, migrate};

    #[tokio::test]
    async fn one_statement_serves_all_but_a_token_that_is_seen_for_the_first_time() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let pools = connect::pools(&SqliteConfig::new("sqlite::memory:")).await.unwrap();
        migrate::run(&pools).await.unwrap();
        let record =
            SessionData::new(SessionId::generate(now).unwrap(), now, Duration::from_secs(3600));
        let token = SessionToken::generate().unwrap().hash();
        let session = SessionRef { id: record.id, token: Some(token), user: None };
        create::anonymous(&pools.writer, NewSession::new(record, token), now).await.unwrap();
        let touch = |seconds| {
            let (due_before, expires_at) = (now, now.plus(Duration::from_secs(seconds)));
            Some(Touch { due_before, expires_at, ip_address: None, agent: None })
        };
        let mut patch = Patch::new();
        patch.set("k", 1.into());
        let change = |touch, presented, patch| {
            let mut change = SessionChange::patch(patch);
            (change.touch, change.presented) = (touch, presented);
            change
        };
        let none = Patch::new;
        let mark = change(touch(60), true, none());
        for (name, change, at_once) in [
            ("nothing", change(None, true, none()), true),
            ("a touch", change(touch(60), false, none()), true),
            ("data", change(None, true, patch.clone()), true),
            ("both", change(touch(60), false, patch.clone()), true),
            ("first seen", mark.clone(), false),
            ("first seen, with data", change(touch(60), true, patch.clone()), false),
        ] {
            let done = at_once_of(&pools, &session, &change, now).await;
            assert_eq!(done, at_once, "{name}");
        }
        let mut connection = pools.writer.lease().await.unwrap();
        in_transaction(&mut connection, &session, mark, now).await.unwrap();
        connection.give_back();
        for (name, change) in [
            ("seen before", change(touch(60), true, none())),
            ("seen before, with data", change(touch(60), true, patch)),
        ] {
            assert!(at_once_of(&pools, &session, &change, now).await, "{name}");
        }
    }

    async fn at_once_of(
        pools: &Pools,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> bool {
        at_once(pools, session, change, now).await.unwrap().is_some()
    }
}
