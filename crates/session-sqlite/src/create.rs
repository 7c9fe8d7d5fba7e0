//! `create`: one statement for an anonymous session ([`anonymous`]), several for a sign-in
//! ([`in_transaction`]).

use session_core::{
    BackendError, BackendErrorKind, CARRY_LIFETIME, Created, Data, EndedBy, NewSession, Replace,
    SessionData, TOMBSTONE_LIFETIME, Timestamp, UserId,
};
use sqlx::{SqliteConnection, query};

use crate::connections::Connections;
use crate::end::{End, Successor};
use crate::error::{corrupt, driver};
use crate::{end, row, sql};

/// A session that replaces none, counts towards no cap, and succeeds no token.
pub(crate) async fn anonymous(
    writer: &Connections,
    mut new: NewSession,
    now: Timestamp,
) -> Result<Created, BackendError> {
    new.record.data = Data::new();
    let mut lease = writer.lease().await.map_err(driver)?;
    let session = insert(&mut lease, new, now).await?;
    lease.give_back();
    Ok(Created { session: session.into(), evicted: Vec::new(), replaced: false })
}

pub(crate) async fn in_transaction(
    connection: &mut SqliteConnection,
    mut new: NewSession,
    now: Timestamp,
) -> Result<Created, BackendError> {
    let cap = new.cap;
    let presented = std::mem::take(&mut new.presented);
    let replaces = new.replaces.take();
    let old = match &replaces {
        None => Old::Gone,
        Some(replace) => to_replace(connection, replace, new.record.user_id.as_ref(), now).await?,
    };
    new.record.data = match (&old, &replaces) {
        (Old::Live { data: text, .. } | Old::Buried(text), Some(replace)) => {
            let wrong = || corrupt(Some(replace.session.id), "data");
            let mut data = row::data(text).ok_or_else(wrong)?;
            replace.carry.apply(&mut data);
            data
        }
        _ => Data::new(),
    };
    // Before the old one goes, so that its id and its token count as in use.
    let session = insert(&mut *connection, new, now).await?;
    if let (Old::Live { data, user }, Some(Replace { session: old, .. })) = (&old, &replaces) {
        let gone =
            query(sql::REMOVE).bind(old.id.to_string()).bind(now.as_micros()).bind(None::<&str>);
        // Another user's data is nobody's to carry: who finds the session ended does not know whose it
        // was.
        let heir = session
            .user_id
            .as_ref()
            .filter(|heir| user.as_deref().is_none_or(|user| user == heir.as_str()));
        let successor = Successor { id: session.id, carry: heir.map(|heir| (heir, data.as_str())) };
        let how = EndedBy::Replaced;
        let end = End { how, by: old.token, successor: Some(successor), at: now };
        end::all(connection, gone, end).await?;
    }
    for token in &presented {
        end::succeed(connection, token, session.id, now).await?;
    }
    let mut evicted = Vec::new();
    if let Some(user) = &session.user_id {
        // Not at once: a sign-in that is on its way has to see that the session it had loaded expired,
        // and was not ended.
        let long_ago = now.minus(TOMBSTONE_LIFETIME);
        let expired = query(sql::REMOVE_EXPIRED).bind(user.as_str()).bind(long_ago.as_micros());
        expired.execute(&mut *connection).await.map_err(driver)?;
        if let Some(cap) = cap {
            evicted = end::evict(connection, user, session.id, cap, now).await?;
        }
    }
    Ok(Created { session: session.into(), evicted, replaced: matches!(old, Old::Live { .. }) })
}

/// What became of a session that is to be replaced, with its data as it is stored.
enum Old {
    Live {
        data: String,
        user: Option<String>,
    },
    /// Another sign-in of the same user has just replaced it.
    Buried(String),
    Gone,
}

async fn to_replace(
    connection: &mut SqliteConnection,
    replace: &Replace,
    user: Option<&UserId>,
    now: Timestamp,
) -> Result<Old, BackendError> {
    let target = &replace.session;
    if let Some(token) = target.token.as_ref().map(row::blob) {
        let live = query(sql::LOAD_DATA)
            .bind(target.id.to_string())
            .bind(now.as_micros())
            .bind(&token)
            .fetch_optional(&mut *connection)
            .await
            .map_err(driver)?;
        if let Some(live) = live {
            let (data, user) = (row::get(&live, 0)?, row::get(&live, 1)?);
            return Ok(Old::Live { data, user });
        }
        let replaced = query(sql::REPLACED)
            .bind(target.id.to_string())
            .bind(token)
            .bind(user.map(UserId::as_str))
            .fetch_optional(&mut *connection)
            .await
            .map_err(driver)?;
        if let Some(replaced) = replaced {
            let at = row::optional_time(&replaced, 1)?;
            if at.is_some_and(|at| at.plus(CARRY_LIFETIME) > now) {
                return row::get(&replaced, 0).map(Old::Buried);
            }
            return Ok(Old::Gone);
        }
    }
    if target.user.is_some() && target.user.as_ref() == user {
        let expired = query(sql::HAS_EXPIRED).bind(target.id.to_string()).bind(now.as_micros());
        if expired.fetch_optional(connection).await.map_err(driver)?.is_none() {
            return Err(BackendError::from_kind(BackendErrorKind::ActingEnded));
        }
    }
    Ok(Old::Gone)
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
        .bind(row::impersonator(&session))
        .execute(connection)
        .await
        .map_err(driver)?;
    // The token is one that ended lately. To issue it again would revive it.
    if inserted.rows_affected() == 0 {
        return Err(BackendError::from_kind(BackendErrorKind::Conflict));
    }
    Ok(session)
}
