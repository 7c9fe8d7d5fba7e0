//! What a sign-in takes over from the session that it takes the place of.

use super::state::State;
use super::stored::live;
use super::tombstone::Old;
use crate::backend::{CARRY_LIFETIME, EndedBy, Replace};
use crate::clock::Timestamp;
use crate::error::{BackendError, BackendErrorKind};
use crate::id::UserId;

impl State {
    /// The data of a session that a new one of this user takes the place of.
    pub(super) fn to_replace(
        &self,
        replace: &Replace,
        user: Option<&UserId>,
        now: Timestamp,
    ) -> Result<Old, BackendError> {
        let target = &replace.session;
        if let Some(stored) = self.powerful(target, now) {
            return Ok(Old::Live(stored.session.data.clone()));
        }
        let tombstone = target.token.and_then(|token| self.tombstones.get(&token));
        if let Some(tombstone) = tombstone.filter(|tombstone| tombstone.id == target.id)
            && tombstone.how == EndedBy::Replaced
        {
            let replaced = tombstone.replaced.as_deref();
            let carried = replaced.filter(|(of, _)| Some(of) == user);
            let in_time = tombstone.at.plus(CARRY_LIFETIME) > now;
            return Ok(match carried {
                Some((_, data)) if in_time => Old::Buried(data.clone()),
                _ => Old::Gone,
            });
        }
        let stored = self.sessions.by_id(&target.id);
        let has_expired = stored.is_some_and(|stored| !live(&stored.session, now));
        if target.user.is_some() && target.user.as_ref() == user && !has_expired {
            return Err(BackendError::from_kind(BackendErrorKind::ActingEnded));
        }
        Ok(Old::Gone)
    }
}
