//! Changing sessions, in the reference.

use session_core::{
    BackendErrorKind, EndedBy, MAX_GRACES, TOMBSTONE_LIFETIME, Timestamp, TokenState, Updated,
};

use super::answer::Answer;
use super::reference::{Model, Open, Tombstone, is_large, write};
use super::step::{Change, Name, Rotated, Target, Token, address, later, newer_agent, secs};

impl Model {
    pub(super) fn update(&mut self, target: &Target, change: &Change, open: Open) -> Answer {
        let (now, name) = (self.now, target.session);
        self.tokens = self.tokens.max(change.rotation.map_or(0, |rotation| rotation.token.0 + 1));
        let Some(before) = self.good(target) else { return Answer::Updated(Updated::Missing) };
        if change.if_version.is_some_and(|version| version != before.record.version) {
            return Answer::Updated(Updated::Conflict);
        }
        let is_current = target.token == Some(before.token);
        if let Some(rotation) = change.rotation {
            let is_plain = rotation.grace.is_some();
            if (is_plain && !is_current) || target.token.is_none() {
                return Answer::Updated(Updated::Superseded);
            }
            if self.is_in_use(rotation.token, open) {
                return Answer::Refused(vec![BackendErrorKind::Conflict]);
            }
        }
        let mut stored = before.clone();
        write(&mut stored.data, &change.writes);
        if !change.writes.is_empty() {
            if change.has_ceiling && is_large(&stored.data) {
                return Answer::Refused(vec![BackendErrorKind::TooLarge]);
            }
            stored.record.version += 1;
        }

        let record = &mut stored.record;
        let is_first_seen = change.presented && is_current && !stored.is_seen;
        // As it was before: a lifetime is no activity.
        let touch = change
            .touch
            .filter(|touch| is_first_seen || record.last_active_at <= now.minus(secs(touch.due)));
        if let Some(own) = change.lifetime {
            record.idle_ttl_secs = own.idle;
            record.cookie_persistent = own.persistent;
            record.not_after = later(now, own.not_after);
            let bounds = [record.absolute_expires_at, record.not_after];
            record.expires_at = bounded(now.plus(secs(own.lives)), bounds);
        }
        if let Some(touch) = touch {
            record.last_active_at = record.last_active_at.max(now);
            let end = record.expires_at.max(now.plus(secs(touch.lives)));
            record.expires_at = bounded(end, [record.absolute_expires_at, record.not_after]);
            record.last_ip_address = address(touch.has_address);
            if touch.has_agent {
                let agent = newer_agent();
                record.user_agent = Some(agent.user_agent);
                record.device_name = agent.device_name;
                record.device_type = agent.device_type;
            }
        }
        if let Some(again) = change.again {
            record.authenticated_at = Some(now);
            record.last_active_at = record.last_active_at.max(now);
            record.absolute_expires_at = later(now, again.absolute);
            let bounds = [record.absolute_expires_at, record.not_after];
            record.expires_at = bounded(now.plus(secs(again.lives)), bounds);
            record.last_ip_address = address(again.has_address);
        }
        stored.longest = stored.longest.max(stored.record.expires_at);

        let shows = touch.is_some() || change.rotation.is_some() || change.again.is_some();
        if is_first_seen && shows {
            stored.is_seen = true;
            self.mark_seen(name);
        }
        if let Some(rotation) = change.rotation {
            self.rotate(name, stored.token, rotation);
            (stored.token, stored.is_seen) = (rotation.token, false);
        }
        let is_good = is_current || change.rotation.is_some();
        let token = if is_good { TokenState::Current } else { TokenState::Grace };
        let (user, applied) = (stored.user, stored.applied(token, touch.is_some()));
        self.sessions.insert(name, stored);
        let ends_others = change.again.is_some_and(|again| again.end_others);
        let ended = match user.filter(|_| ends_others) {
            Some(user) => self.end_user(user, Some(name), EndedBy::Revoked, None),
            None => Vec::new(),
        };
        Answer::Ending(applied, ended)
    }

    /// A browser has the session's token: what came before it is followed.
    fn mark_seen(&mut self, name: Name) {
        for tombstone in self.tombstones.values_mut() {
            if tombstone.session == name || tombstone.successor == Some(name) {
                tombstone.successor_seen = true;
            }
        }
    }

    fn rotate(&mut self, name: Name, from: Token, to: Rotated) {
        let now = self.now;
        self.issue(to.token);
        let grace_until = later(now, to.grace);
        // Beside the one that gets it now.
        let may_stay = if to.grace.is_none() { 0 } else { MAX_GRACES - 1 };
        let has_grace = |tombstone: &&mut Tombstone| {
            tombstone.session == name && tombstone.grace_until.is_some_and(|until| until > now)
        };
        let mut in_grace: Vec<_> = self.tombstones.values_mut().filter(has_grace).collect();
        in_grace.sort_by_key(|tombstone| std::cmp::Reverse(tombstone.rotation));
        for tombstone in in_grace.into_iter().skip(may_stay) {
            (tombstone.grace_until, tombstone.at) = (None, now);
        }
        let tombstone = Tombstone {
            session: name,
            how: EndedBy::Rotated,
            at: now,
            grace_until,
            kept_until: grace_until.unwrap_or(now).max(now).plus(TOMBSTONE_LIFETIME),
            successor: None,
            successor_seen: false,
            left: None,
            rotation: self.next_rotation(),
        };
        self.tombstones.insert(from, tombstone);
    }
}

fn bounded(end: Timestamp, bounds: [Option<Timestamp>; 2]) -> Timestamp {
    bounds.into_iter().flatten().fold(end, Timestamp::min)
}
