//! `update`: one statement on the path of every request ([`at_once`]); a transaction for a new
//! token, and wherever one statement cannot tell ([`in_transaction`]).

use session_core::{
    Applied, BackendError, BackendErrorKind, EndedBy, Rotation, SessionChange, SessionData,
    SessionRef, Timestamp, TokenHash, TokenState, Updated,
};
use sqlx::{SqliteConnection, query};

use crate::connect::Pools;
use crate::error::{SQLITE_ERROR, driver, primary_code};
use crate::patch::Merge;
use crate::{end, row, sql};

/// Data and touch. `None` where a transaction has to see to it; nothing is changed then.
pub(crate) async fn at_once(
    pools: &Pools,
    session: &SessionRef,
    change: &SessionChange,
    now: Timestamp,
) -> Result<Option<Updated>, BackendError> {
    if change.rotation.is_some() || change.reauthentication.is_some() {
        return Ok(None);
    }
    if change.patch.is_empty() && change.touch.is_none() {
        return look(pools, session, change, now).await;
    }
    let Some(merge) = Merge::plan(&change.patch, change.max_bytes) else { return Ok(None) };

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
            .bind(agent.map(|agent| agent.device_type.as_str()));
    }
    // All rows, though there is at most one: the statement commits when it is done, and after the
    // first row it is not. A commit that fails (a full disk) would go unseen.
    match pools.writer.fetch_all(merge.bind(statement)).await {
        Ok(rows) => match rows.first() {
            Some(row) => Ok(Some(Updated::Applied(Applied {
                version: row::get::<i64>(row, 0)?.cast_unsigned(),
                token: token_state(row::get(row, 1)?),
                touched: change.touch.is_some(),
            }))),
            None => look(pools, session, change, now).await,
        },
        // No tables, or stored data that is no JSON: the transaction tells them apart.
        Err(error) if primary_code(&error) == Some(SQLITE_ERROR) => Ok(None),
        Err(error) => Err(driver(error)),
    }
}

/// Why a change did not apply, where that takes no transaction to say.
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
    let last_active_at = row::time(found, 1)?;
    let due = change.touch.as_ref().is_some_and(|touch| last_active_at <= touch.due_before);
    if !change.patch.is_empty() || due {
        // The data may be too large; or the touch is not due, and the data still has to go in.
        return Ok(None);
    }
    let token = token_state(row::get(found, 2)?);
    Ok(Some(Updated::Applied(Applied { version, token, touched: false })))
}

const fn token_state(current: bool) -> TokenState {
    if current { TokenState::Current } else { TokenState::Replaced }
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
        .fetch_all(&mut *connection)
        .await
        .map_err(driver)?;
    let Some(stored) = stored.first() else { return Ok(Updated::Missing) };
    let current = row::token(stored, row::WIDTH)?;
    let mut record = row::session(stored)?;

    if change.if_version.is_some_and(|version| version != record.version) {
        return Ok(Updated::Conflict);
    }
    if let Some(rotation) = &change.rotation
        && !may_rotate(connection, session, rotation, &current, now).await?
    {
        return Ok(Updated::Superseded);
    }

    let touched = change.apply(&mut record, now);
    let data = record.data.to_json();
    if !change.patch.is_empty() && data.len() as u64 > change.max_bytes {
        return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
    }
    row::bind(query(sql::STORE), &record, data).execute(&mut *connection).await.map_err(driver)?;

    let token = match &change.rotation {
        None => token_state(session.token.as_ref() == Some(&current)),
        Some(rotation) => {
            rotate(connection, &record, rotation, &current, now).await?;
            TokenState::Current
        }
    };
    Ok(Updated::Applied(Applied { version: record.version, token, touched }))
}

async fn may_rotate(
    connection: &mut SqliteConnection,
    session: &SessionRef,
    rotation: &Rotation,
    current: &TokenHash,
    now: Timestamp,
) -> Result<bool, BackendError> {
    let Some(presented) = &session.token else { return Ok(false) };
    if presented == current {
        return Ok(true);
    }
    match rotation {
        Rotation::Graceful { .. } => Ok(false),
        Rotation::Immediate { .. } => query(sql::IN_GRACE)
            .bind(presented.as_bytes().as_slice())
            .bind(session.id.to_string())
            .bind(now.as_micros())
            .fetch_optional(connection)
            .await
            .map_err(driver)
            .map(|found| found.is_some()),
    }
}

async fn rotate(
    connection: &mut SqliteConnection,
    record: &SessionData,
    rotation: &Rotation,
    current: &TokenHash,
    now: Timestamp,
) -> Result<(), BackendError> {
    // First, so that the token before counts as in use.
    let rotated = query(sql::ROTATE)
        .bind(record.id.to_string())
        .bind(rotation.token().as_bytes().as_slice())
        .bind(now.as_micros())
        .execute(&mut *connection)
        .await
        .map_err(driver)?;
    if rotated.rows_affected() == 0 || rotation.token() == current {
        return Err(BackendError::from_kind(BackendErrorKind::Conflict));
    }
    if matches!(rotation, Rotation::Immediate { .. }) {
        let graces = query(sql::END_GRACES).bind(record.id.to_string());
        graces.execute(&mut *connection).await.map_err(driver)?;
    }
    let grace = rotation.grace_until();
    end::bury(connection, current, record.id, EndedBy::Rotated, now, grace).await
}
