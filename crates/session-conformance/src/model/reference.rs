//! The reference: what a backend promises, written down once more as plainly as it can be, over two maps.
//! It shares no rule with the backends: patches, lifetimes, evictions are done here anew.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use session_core::{
    Applied, CARRY_LIFETIME, EndedBy, SessionCount, SessionData, Timestamp, TokenState,
};

use super::answer::{Answer, Seen, Whole};
use super::step::{Content, Jump, Name, Step, Target, Token, Write, secs};

/// Where the documentation leaves something open: how it is decided. What has expired may be deleted or
/// not, and it can be told by what a sign-in from it, or one with its token, is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    StillThere,
    Gone,
}

/// Everything that was made, as far as it matters.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) now: Timestamp,
    /// No clock is further back than this.
    floor: Timestamp,
    /// Live, or expired and perhaps not deleted yet.
    pub(super) sessions: BTreeMap<Name, Stored>,
    /// Of every token that ended and is known, or was and is perhaps not deleted yet.
    pub(super) tombstones: BTreeMap<Token, Tombstone>,
    /// Whose the sessions are that ever were a user's.
    pub(super) users: BTreeMap<Name, &'static str>,
    /// How many sessions and tokens were named so far, by their numbers.
    pub(super) names: u32,
    pub(super) tokens: u32,
    rotations: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Without data.
    pub(super) record: SessionData,
    pub(super) data: Map<String, Value>,
    pub(super) user: Option<&'static str>,
    pub(super) token: Token,
    pub(super) is_seen: bool,
    /// The latest end that it ever had: the purge need not look at it sooner.
    pub(super) longest: Timestamp,
    /// Expired, and something happened that may have deleted it.
    pub(super) may_be_gone: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Tombstone {
    pub(super) session: Name,
    pub(super) how: EndedBy,
    pub(super) at: Timestamp,
    pub(super) grace_until: Option<Timestamp>,
    pub(super) kept_until: Timestamp,
    pub(super) successor: Option<Name>,
    pub(super) successor_seen: bool,
    /// What its session held when it was replaced, and whose sign-in did that.
    pub(super) left: Option<(&'static str, Map<String, Value>)>,
    /// Which of the rotations it was.
    pub(super) rotation: u32,
}

impl Model {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            floor: now,
            sessions: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            users: BTreeMap::new(),
            names: 0,
            tokens: 0,
            rotations: 0,
        }
    }

    /// Makes the step, and says what the backend must answer.
    pub(super) fn apply(&mut self, step: &Step, open: Open) -> Answer {
        match step {
            Step::Clock(jump) => self.jump(*jump),
            Step::Create(new) => return self.create(new, open),
            Step::Update(target, change) => return self.update(target, change, open),
            Step::Remove { target, owner, acting, how } => {
                return self.remove(target, *owner, acting.as_ref(), *how);
            }
            Step::RemoveUser { user, acting, except, how } => {
                return self.remove_user(user, acting.as_ref(), *except, *how);
            }
            Step::EndAll { how, .. } => return self.end_all(*how),
            // What it deletes is the backend's to say.
            Step::Purge { .. } => self.may_delete(|_| true),
            Step::Live(names) => {
                let mut live: Vec<_> =
                    names.iter().copied().filter(|name| self.live(*name).is_some()).collect();
                live.sort_unstable();
                live.dedup();
                return Answer::Sessions(live);
            }
            Step::Ping => {}
        }
        Answer::Done
    }

    fn jump(&mut self, jump: Jump) {
        let microsecond = std::time::Duration::from_micros(1);
        self.now = match jump {
            Jump::Ahead(seconds) => self.now.plus(secs(seconds)),
            Jump::Back(seconds) => {
                self.floor =
                    self.ends().filter(|end| *end <= self.now).fold(self.floor, Timestamp::max);
                self.now.minus(secs(seconds)).max(self.floor)
            }
            Jump::ToAnEnd(number) => self.end_ahead(number).unwrap_or(self.now),
            Jump::JustBeforeAnEnd(number) => {
                let end = self.end_ahead(number).unwrap_or(self.now);
                end.minus(microsecond).max(self.now)
            }
        };
    }

    /// One of the next moments at which something ends.
    fn end_ahead(&self, number: usize) -> Option<Timestamp> {
        let mut ahead: Vec<_> = self.ends().filter(|end| *end > self.now).collect();
        ahead.sort_unstable();
        ahead.dedup();
        ahead.get(number.min(ahead.len().saturating_sub(1))).copied()
    }

    /// Every moment at which an answer changes by itself.
    fn ends(&self) -> impl Iterator<Item = Timestamp> {
        let lives = self.sessions.values().map(|stored| stored.record.expires_at);
        let kept = self.tombstones.values().flat_map(|tombstone| {
            let carried = tombstone.left.as_ref().map(|_| tombstone.at.plus(CARRY_LIFETIME));
            [Some(tombstone.kept_until), tombstone.grace_until, carried].into_iter().flatten()
        });
        lives.chain(kept)
    }

    pub(super) fn live(&self, name: Name) -> Option<&Stored> {
        self.sessions.get(&name).filter(|stored| stored.record.expires_at > self.now)
    }

    pub(super) fn live_of<'m>(&'m self, user: &'m str) -> impl Iterator<Item = (Name, &'m Stored)> {
        let all = self.sessions.keys().filter_map(move |name| Some((*name, self.live(*name)?)));
        all.filter(move |(_, stored)| stored.user == Some(user))
    }

    /// The tombstone of a token, while it is kept.
    pub(super) fn ended(&self, token: Token) -> Option<&Tombstone> {
        self.tombstones.get(&token).filter(|tombstone| tombstone.kept_until > self.now)
    }

    /// The session, if it is live and the token is its current one or in grace. None is given: nobody's
    /// right is asked for.
    pub(super) fn good(&self, target: &Target) -> Option<&Stored> {
        let stored = self.live(target.session)?;
        let Some(token) = target.token else { return Some(stored) };
        let has_grace = self.ended(token).is_some_and(|tombstone| {
            tombstone.session == target.session
                && tombstone.grace_until.is_some_and(|until| until > self.now)
        });
        (stored.token == token || has_grace).then_some(stored)
    }

    /// Whether nobody else may get this token. Of what is over it depends on whether it is deleted.
    pub(super) fn is_in_use(&self, token: Token, open: Open) -> bool {
        let mut of_sessions = self.sessions.values().filter(|stored| stored.token == token);
        of_sessions.any(|stored| !stored.may_be_gone || open == Open::StillThere)
            || self.ended(token).is_some()
            || (self.tombstones.contains_key(&token) && open == Open::StillThere)
    }

    /// Sessions that expired, of which whoever calls may have deleted some.
    pub(super) fn may_delete(&mut self, which: impl Fn(&Stored) -> bool) {
        let now = self.now;
        let expired = self.sessions.values_mut().filter(|stored| stored.record.expires_at <= now);
        expired.filter(|stored| which(stored)).for_each(|stored| stored.may_be_gone = true);
    }

    /// What has expired by now is deleted.
    pub(super) fn has_deleted(&mut self) {
        self.floor = self.now;
    }

    /// Gives a token to a session: what is left of an earlier one is deleted.
    pub(super) fn issue(&mut self, token: Token) {
        let held = (self.tombstones.len(), self.sessions.len());
        self.tombstones.remove(&token);
        self.sessions.retain(|_, stored| stored.token != token);
        if held != (self.tombstones.len(), self.sessions.len()) {
            self.has_deleted();
        }
        self.tokens = self.tokens.max(token.0 + 1);
    }

    pub(super) const fn next_rotation(&mut self) -> u32 {
        self.rotations += 1;
        self.rotations
    }

    /// What a token stands for.
    pub(super) fn find(&self, token: Token) -> Seen {
        let by_token = self.sessions.iter().find(|(_, stored)| stored.token == token);
        if let Some((name, _)) = by_token {
            return match self.live(*name) {
                Some(stored) => Seen::Live { session: stored.whole(), token_seen: stored.is_seen },
                None => Seen::Nothing,
            };
        }
        let Some(tombstone) = self.ended(token) else { return Seen::Nothing };
        match (tombstone.grace_until, self.live(tombstone.session)) {
            (Some(until), Some(stored)) if until > self.now => {
                Seen::Grace { session: stored.whole(), until }
            }
            (Some(until), None) if until > self.now => Seen::Nothing,
            (grace, _) => Seen::Ended {
                session: tombstone.session,
                how: tombstone.how,
                at: grace.unwrap_or(tombstone.at),
                successor_seen: tombstone.successor_seen,
            },
        }
    }

    pub(super) fn list(&self, user: &str) -> Vec<Whole> {
        let mut sessions: Vec<_> = self.live_of(user).collect();
        sessions.sort_by_key(|(name, stored)| Reverse((stored.record.last_active_at, *name)));
        sessions.into_iter().map(|(_, stored)| stored.whole()).collect()
    }

    pub(super) fn count(&self) -> SessionCount {
        let live = || self.sessions.keys().filter_map(|name| self.live(*name));
        let signed_in = live().filter_map(|stored| stored.user);
        let users: std::collections::BTreeSet<_> = signed_in.clone().collect();
        SessionCount {
            live: live().count() as u64,
            signed_in: signed_in.count() as u64,
            users: users.len() as u64,
        }
    }
}

impl Stored {
    pub(super) fn whole(&self) -> Whole {
        Whole { record: self.record.clone(), data: self.data.clone() }
    }

    pub(super) fn applied(&self, token: TokenState, touched: bool) -> Applied {
        let record = &self.record;
        Applied {
            version: record.version,
            token,
            touched,
            expires_at: record.expires_at,
            lifetime: record.lifetime(),
            ended: Vec::new(),
        }
    }
}

pub(super) fn write(data: &mut Map<String, Value>, writes: &[Write]) {
    for write in writes {
        match *write {
            Write::Set(key, content) => _ = data.insert(key.to_owned(), content.value()),
            Write::Remove(key) => _ = data.remove(key),
            Write::Clear => data.clear(),
        }
    }
}

pub(super) fn is_large(data: &Map<String, Value>) -> bool {
    let large = Content::Large.value();
    data.values().any(|value| *value == large)
}
