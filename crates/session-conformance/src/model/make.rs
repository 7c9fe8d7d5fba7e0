//! Making sessions, in the reference.

use std::cmp::Reverse;

use serde_json::{Map, Value};
use session_core::{BackendErrorKind, CARRY_LIFETIME, EndedBy};

use super::answer::{Answer, Whole};
use super::reference::{Model, Open, Stored, Tombstone, is_large, write};
use super::step::{Carried, Name, New, Target};

/// What becomes of a session that is to be replaced.
enum Old {
    Live(Map<String, Value>),
    Buried(Map<String, Value>),
    Gone,
}

impl Model {
    pub(super) fn create(&mut self, new: &New, open: Open) -> Answer {
        self.names = self.names.max(new.name.0 + 1);
        self.tokens = self.tokens.max(new.token.0 + 1);
        let mut refusals = Vec::new();
        let namesake = self.sessions.get(&new.name);
        let is_taken =
            namesake.is_some_and(|stored| !stored.may_be_gone || open == Open::StillThere);
        if is_taken || self.is_in_use(new.token, open) {
            refusals.push(BackendErrorKind::Conflict);
        }
        let old = match &new.replaces {
            None => Old::Gone,
            Some((target, _)) => self.to_replace(target, new.user, open).unwrap_or_else(|| {
                refusals.push(BackendErrorKind::ActingEnded);
                Old::Gone
            }),
        };
        let replaced = matches!(old, Old::Live(_));
        let mut data = match (old, &new.replaces) {
            (Old::Live(data) | Old::Buried(data), Some((_, carried))) => carry(data, carried),
            _ => Map::new(),
        };
        write(&mut data, &new.writes);
        if new.has_ceiling && is_large(&data) {
            refusals.push(BackendErrorKind::TooLarge);
        }
        if !refusals.is_empty() {
            return Answer::Refused(refusals);
        }

        self.issue(new.token);
        if let Some((target, _)) = new.replaces.as_ref().filter(|_| replaced) {
            self.end(target.session, EndedBy::Replaced, target.token, Some((new.name, new.user)));
        }
        for token in &new.presented {
            if self.ended(*token).is_some()
                && let Some(tombstone) = self.tombstones.get_mut(token)
            {
                tombstone.successor = Some(new.name);
            }
        }
        let evicted = match (new.user, new.cap) {
            (Some(user), Some(cap)) => self.evict(user, cap.get() as usize - 1),
            _ => Vec::new(),
        };
        if new.user.is_some() {
            self.may_delete(|stored| stored.user == new.user);
        }
        self.users.extend(new.user.map(|user| (new.name, user)));
        let record = new.record(self.now);
        let session = Box::new(Whole { record: record.clone(), data: data.clone() });
        let stored = Stored {
            longest: record.expires_at,
            record,
            data,
            user: new.user,
            token: new.token,
            is_seen: false,
            may_be_gone: false,
        };
        self.sessions.insert(new.name, stored);
        Answer::Created { session, evicted, replaced }
    }

    /// What a sign-in takes over; `None` if it is refused.
    fn to_replace(&self, target: &Target, by: Option<&'static str>, open: Open) -> Option<Old> {
        if let Some(stored) = self.good(target) {
            return Some(Old::Live(stored.data.clone()));
        }
        let of_it = |tombstone: &&Tombstone| {
            tombstone.session == target.session && tombstone.how == EndedBy::Replaced
        };
        let by_token = target.token.and_then(|token| self.tombstones.get(&token)).filter(of_it);
        if let Some(tombstone) = by_token
            && (tombstone.kept_until > self.now || open == Open::StillThere)
        {
            let is_in_time = tombstone.at.plus(CARRY_LIFETIME) > self.now;
            let left = tombstone.left.as_ref().filter(|(of, _)| is_in_time && by == Some(*of));
            return Some(left.map_or(Old::Gone, |(_, data)| Old::Buried(data.clone())));
        }
        let is_the_same_users = target.user.is_some() && target.user == by;
        let has_expired = self.sessions.get(&target.session).is_some_and(|stored| {
            stored.record.expires_at <= self.now
                && (!stored.may_be_gone || open == Open::StillThere)
        });
        // Told of with another token than one of its own: who looks for the session finds it replaced, and
        // who looks for the token does not.
        let was_replaced = open == Open::StillThere && self.tombstones.values().any(|t| of_it(&t));
        (!is_the_same_users || has_expired || was_replaced).then_some(Old::Gone)
    }

    /// Ends as many of the user's sessions as are more than may stay.
    fn evict(&mut self, user: &str, may_stay: usize) -> Vec<Name> {
        let counted = self.live_of(user).filter(|(_, stored)| stored.record.impersonator.is_none());
        let mut counted: Vec<_> =
            counted.map(|(name, stored)| (stored.record.last_active_at, name)).collect();
        counted.sort_unstable_by_key(|of| Reverse(*of));
        let mut evicted: Vec<_> =
            counted.into_iter().skip(may_stay).map(|(_, name)| name).collect();
        evicted.sort_unstable();
        for name in &evicted {
            self.end(*name, EndedBy::Evicted, None, None);
        }
        evicted
    }
}

fn carry(mut data: Map<String, Value>, carried: &Carried) -> Map<String, Value> {
    match carried {
        Carried::All => {}
        Carried::Keys(keys) => data.retain(|key, _| keys.contains(&key.as_str())),
        Carried::Nothing => data.clear(),
    }
    data
}
