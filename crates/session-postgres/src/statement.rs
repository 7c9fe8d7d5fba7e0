//! What the core asks, as statements with their parameters bound.

use session_core::{
    CARRY_LIFETIME, Carry, EndedBy, MAX_GRACES, NewSession, Rotation, SessionChange, SessionId,
    SessionRef, Timestamp, UserId, tombstone_expiry,
};
use sqlx::query;

use crate::moment::Moment;
use crate::row::{self, Statement};
use crate::sql::Texts;

pub(crate) fn create(texts: &Texts, new: &NewSession, now: Timestamp) -> Statement {
    let replaces = new.replaces.as_ref();
    let carried = replaces.and_then(|replace| match &replace.carry {
        Carry::All => None,
        Carry::Keys(keys) => Some(keys.clone()),
        Carry::Nothing => Some(Vec::new()),
    });
    let replaced = replaces.map(|replace| &replace.session);
    let statement = row::bind_record(query(texts.create.clone()), &new.record, &new.token)
        .bind(Moment(now))
        .bind(Moment(tombstone_expiry(now, None)));
    row::bind_patch(statement, Some(&new.patch), new.max_bytes)
        .bind(new.cap.map(|cap| i64::from(cap.get())))
        .bind(id(replaced))
        .bind(token(replaced))
        .bind(replaced.and_then(|session| text(session.user.as_ref())))
        .bind(carried)
        .bind(Moment(now.minus(CARRY_LIFETIME)))
        .bind(new.presented.iter().map(row::bytes).collect::<Vec<_>>())
        .bind(new.record.impersonator.as_ref().map(ToString::to_string))
}

pub(crate) fn is_data_alone(change: &SessionChange) -> bool {
    !is_rare(change) && change.touch.is_none() && !change.patch.is_empty()
}

/// Whether it takes more than a patch and a touch.
fn is_rare(change: &SessionChange) -> bool {
    change.lifetime.is_some() || change.rotation.is_some() || change.reauthentication.is_some()
}

pub(crate) fn update_data(
    texts: &Texts,
    session: &SessionRef,
    change: &SessionChange,
    now: Timestamp,
) -> Statement {
    bind_data(query(texts.update_data.clone()), session, change, now)
}

pub(crate) fn update(
    texts: &Texts,
    session: &SessionRef,
    change: &SessionChange,
    now: Timestamp,
) -> Statement {
    let is_rare = is_rare(change);
    let text = if is_rare { &texts.update_all } else { &texts.update };
    let touch = change.touch.as_ref();
    let agent = touch.and_then(|touch| touch.agent.as_ref());
    let statement = bind_data(query(text.clone()), session, change, now)
        .bind(touch.map(|touch| Moment(touch.due_before)))
        .bind(touch.map(|touch| Moment(touch.expires_at)))
        .bind(touch.and_then(|touch| touch.ip_address).map(|address| address.to_string()))
        .bind(agent.map(|agent| agent.user_agent.clone()))
        .bind(agent.map(|agent| agent.device_name.clone()))
        .bind(agent.map(|agent| agent.device_type.as_str()))
        .bind(change.presented);
    if is_rare { bind_rare(statement, change, now) } else { statement }
}

/// The parameters of [`Texts::update_data`], with which the others begin.
fn bind_data(
    statement: Statement,
    session: &SessionRef,
    change: &SessionChange,
    now: Timestamp,
) -> Statement {
    let statement = statement
        .bind(session.id.to_string())
        .bind(session.token.as_ref().map(row::bytes))
        .bind(Moment(now))
        .bind(change.if_version.map(u64::cast_signed));
    let patch = Some(&change.patch).filter(|patch| !patch.is_empty());
    row::bind_patch(statement, patch, change.max_bytes)
}

/// What [`Texts::update_all`] has more than [`Texts::update`].
fn bind_rare(statement: Statement, change: &SessionChange, now: Timestamp) -> Statement {
    let new = change.lifetime.as_ref();
    let lifetime = new.map(|new| new.lifetime).unwrap_or_default();
    let rotation = change.rotation.as_ref();
    let grace_until = rotation.and_then(Rotation::grace_until);
    // Beside the one that gets it now.
    let graces = match rotation {
        Some(Rotation::Graceful { .. }) => MAX_GRACES - 1,
        Some(Rotation::Immediate { .. }) | None => 0,
    };
    let again = change.reauthentication.as_ref();
    statement
        .bind(new.map(|new| Moment(new.expires_at)))
        .bind(lifetime.idle_ttl_secs.map(u64::cast_signed))
        .bind(lifetime.cookie_persistent)
        .bind(lifetime.not_after.map(Moment))
        .bind(rotation.map(|rotation| row::bytes(rotation.token())))
        .bind(grace_until.map(Moment))
        .bind(i64::try_from(graces).unwrap_or(i64::MAX))
        .bind(Moment(tombstone_expiry(now, grace_until)))
        .bind(again.map(|again| Moment(again.expires_at)))
        .bind(again.and_then(|again| again.absolute_expires_at).map(Moment))
        .bind(again.and_then(|again| again.ip_address).map(|address| address.to_string()))
        .bind(again.is_some_and(|again| again.end_others))
}

pub(crate) fn remove(
    texts: &Texts,
    session: &SessionRef,
    owner: Option<&UserId>,
    acting: Option<&SessionRef>,
    how: EndedBy,
    now: Timestamp,
) -> Statement {
    query(texts.remove.clone())
        .bind(session.id.to_string())
        .bind(token(Some(session)))
        .bind(text(owner))
        .bind(id(acting))
        .bind(token(acting))
        .bind(how.as_str())
        .bind(Moment(now))
        .bind(Moment(tombstone_expiry(now, None)))
}

pub(crate) fn remove_user(
    texts: &Texts,
    user: &UserId,
    acting: Option<&SessionRef>,
    except: Option<&SessionId>,
    how: EndedBy,
    now: Timestamp,
) -> Statement {
    query(texts.remove_user.clone())
        .bind(user.as_str().to_owned())
        .bind(id(acting))
        .bind(token(acting))
        .bind(except.map(ToString::to_string))
        .bind(how.as_str())
        .bind(Moment(now))
        .bind(Moment(tombstone_expiry(now, None)))
}

fn id(session: Option<&SessionRef>) -> Option<String> {
    session.map(|session| session.id.to_string())
}

fn token(session: Option<&SessionRef>) -> Option<Vec<u8>> {
    session.and_then(|session| session.token.as_ref()).map(row::bytes)
}

fn text(user: Option<&UserId>) -> Option<String> {
    user.map(|user| user.as_str().to_owned())
}
