//! Ending sessions, and deleting what has expired, in the reference.

use session_core::{BackendErrorKind, EndedBy, PurgeReport, Purged, TOMBSTONE_LIFETIME};

use super::answer::Answer;
use super::reference::{Model, Stored, Tombstone};
use super::step::{Name, Target, Token, user as user_id};

impl Model {
    /// Ends a session with all its tokens: by this one, for this session and its user.
    pub(super) fn end(
        &mut self,
        name: Name,
        how: EndedBy,
        by: Option<Token>,
        heir: Option<(Name, Option<&'static str>)>,
    ) {
        let Some(gone) = self.sessions.remove(&name) else { return };
        let now = self.now;
        let how_of = |token: Token| match how {
            EndedBy::SignedOut if by != Some(token) => EndedBy::Revoked,
            _ => how,
        };
        let may_carry = |user: &&str| gone.user.is_none_or(|owner| owner == *user);
        let left = heir.and_then(|(_, user)| user.filter(may_carry));
        let left = left.map(|user| (user, gone.data.clone()));
        let kept_until = now.plus(TOMBSTONE_LIFETIME);
        for (token, tombstone) in &mut self.tombstones {
            if tombstone.session == name && tombstone.kept_until > now {
                tombstone.how = how_of(*token);
                (tombstone.at, tombstone.grace_until) = (now, None);
                tombstone.kept_until = tombstone.kept_until.max(kept_until);
                tombstone.successor = heir.map(|(heir, _)| heir).or(tombstone.successor);
                tombstone.left.clone_from(&left);
            }
        }
        let tombstone = Tombstone {
            session: name,
            how: how_of(gone.token),
            at: now,
            grace_until: None,
            kept_until,
            successor: heir.map(|(heir, _)| heir),
            successor_seen: false,
            left,
            rotation: 0,
        };
        self.tombstones.insert(gone.token, tombstone);
    }

    pub(super) fn end_user(
        &mut self,
        user: &str,
        except: Option<Name>,
        how: EndedBy,
        by: Option<Token>,
    ) -> Vec<Name> {
        let all = self.live_of(user).map(|(name, _)| name);
        let ended: Vec<_> = all.filter(|name| Some(*name) != except).collect();
        for name in &ended {
            self.end(*name, how, by, None);
        }
        self.may_delete(|stored| stored.user == Some(user));
        ended
    }

    pub(super) fn remove(
        &mut self,
        target: &Target,
        owner: Option<&'static str>,
        acting: Option<&Target>,
        how: EndedBy,
    ) -> Answer {
        if let Some(refusal) = self.refuses(acting) {
            return refusal;
        }
        let is_theirs = |user: Option<&str>| owner.is_none_or(|owner| user == Some(owner));
        let is_live = self.live(target.session).is_some_and(|stored| is_theirs(stored.user));
        if is_live {
            self.end(target.session, how, target.token, None);
        }
        Answer::Removed(is_live)
    }

    pub(super) fn remove_user(
        &mut self,
        user: &str,
        acting: Option<&Target>,
        except: Option<Name>,
        how: EndedBy,
    ) -> Answer {
        if let Some(refusal) = self.refuses(acting) {
            return refusal;
        }
        let by = acting.and_then(|acting| acting.token);
        Answer::Sessions(self.end_user(user, except, how, by))
    }

    fn refuses(&self, acting: Option<&Target>) -> Option<Answer> {
        let has_no_right = acting.is_some_and(|acting| self.good(acting).is_none());
        has_no_right.then(|| Answer::Refused(vec![BackendErrorKind::ActingEnded]))
    }

    pub(super) fn end_all(&mut self, how: EndedBy) -> Answer {
        let all = self.sessions.keys().copied();
        let ended: Vec<_> = all.filter(|name| self.live(*name).is_some()).collect();
        for name in &ended {
            self.end(*name, how, None, None);
        }
        Answer::Sessions(ended)
    }

    /// What a batch of the purge says it deleted; why that cannot be, if it cannot.
    pub(super) fn purged(
        &mut self,
        purged: &Purged,
        limit: u32,
        report: PurgeReport,
    ) -> Result<(), String> {
        let now = self.now;
        let over = || self.sessions.values().filter(|stored| stored.record.expires_at <= now);
        let all = over().count() as u64;
        // The purge may go by an end that was put forward since.
        let must =
            over().filter(|stored| !stored.may_be_gone && stored.longest <= now).count() as u64;
        let least = if purged.more { 0 } else { must };
        let most = all.min(limit.max(1).into());
        if !(least..=most).contains(&purged.removed) {
            return Err(format!("it deleted {}, not {least} to {most}", purged.removed));
        }
        let named = if report == PurgeReport::Sessions { purged.removed } else { 0 };
        if purged.expired.len() as u64 != named {
            return Err(format!("it named {} of {named} sessions", purged.expired.len()));
        }
        for gone in &purged.expired {
            let name = Name::of(&gone.id);
            let stored = self.sessions.remove(&name);
            let had_expired = stored.filter(|stored| stored.record.expires_at <= now);
            let Some(stored) = had_expired else {
                return Err(format!("it deleted {name:?}, which has not expired"));
            };
            if gone.user_id != stored.user.map(user_id) {
                return Err(format!("{name:?} is another user's than it said"));
            }
        }
        let is_due = |stored: &Stored| stored.longest <= now;
        if !purged.more {
            let mut left = self.sessions.values().filter(|stored| is_due(stored));
            if report == PurgeReport::Sessions && left.any(|stored| !stored.may_be_gone) {
                return Err("it said that nothing is left, and did not name all".to_owned());
            }
            self.sessions.retain(|_, stored| !is_due(stored));
            self.tombstones.retain(|_, tombstone| tombstone.kept_until > now);
        }
        self.has_deleted();
        if named < purged.removed {
            // Any of those that are left.
            self.may_delete(|_| true);
        }
        Ok(())
    }
}
