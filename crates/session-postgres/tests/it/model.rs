//! The same calls to this backend and to the one in memory, drawn by lot: every answer is the same.

use std::num::NonZeroU32;
use std::time::Duration;

use session_core::{
    BackendErrorKind, Carry, EndedBy, Found, Lifetime, MemoryBackend, NewLifetime, NewSession,
    Patch, Reauthentication, Replace, Rotation, SessionBackend, SessionChange, SessionData,
    SessionRef, Timestamp, TokenHash, Touch, Updated, UserId,
};
use session_postgres::PostgresBackend;

use super::support::{Fresh, NOW, record, record_of, token, user_id, with_server};

const ROUNDS: u64 = 45;
const STEPS: u64 = 40;

/// A generator that says the same again for the same seed.
struct Lot(u64);

impl Lot {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap() % count
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn one_of<'a, T>(&mut self, values: &'a [T]) -> Option<&'a T> {
        if values.is_empty() { None } else { values.get(self.below(values.len())) }
    }
}

/// What is known of each session that was ever made: how to speak of it, the newest token last.
struct Known {
    record: SessionData,
    tokens: Vec<TokenHash>,
}

/// What a round has more of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Everything,
    /// Sessions that rotate again and again at the same moment.
    Rotations,
    /// Sessions that expire.
    ShortLives,
}

struct Model {
    kind: Kind,
    lot: Lot,
    now: Timestamp,
    known: Vec<Known>,
    memory: MemoryBackend,
    backend: PostgresBackend,
}

/// A record with its data, which its own look leaves out.
fn whole(session: &SessionData) -> String {
    format!("{session:?} {}", session.data.to_json())
}

impl Model {
    /// Mostly a session's newest token, and often the newest session.
    fn session(&mut self) -> Option<SessionRef> {
        let (first, lot) = (self.known.len().saturating_sub(4), &mut self.lot);
        let latest = if lot.one_in(3) { &self.known } else { &self.known[first..] };
        let known = lot.one_of(latest)?;
        let token = match lot.below(8) {
            0 => None,
            1..=3 => lot.one_of(&known.tokens).copied(),
            _ => known.tokens.last().copied(),
        };
        let user = known.record.user_id.clone().filter(|_| !lot.one_in(3));
        Some(SessionRef { id: known.record.id, token, user })
    }

    fn user(&mut self) -> UserId {
        user_id(if self.lot.one_in(4) { "bob" } else { "alice" })
    }

    fn patch(&mut self) -> Patch {
        let mut patch = Patch::new();
        if self.lot.one_in(2) {
            patch.set(format!("k{}", self.lot.below(3)), self.lot.below(9).into());
        }
        if self.lot.one_in(6) {
            patch.remove("k1");
        }
        patch
    }

    fn end(&mut self) -> Timestamp {
        let least = if self.kind == Kind::ShortLives { 5 } else { 1000 };
        self.now.plus(Duration::from_secs(least + self.lot.below(1000) as u64 % (least * 10)))
    }

    fn how(&mut self) -> EndedBy {
        if self.lot.one_in(2) { EndedBy::SignedOut } else { EndedBy::Revoked }
    }

    async fn create(&mut self) {
        let mut record =
            if self.lot.one_in(3) { record() } else { record_of(self.user().as_str()) };
        record.last_active_at = self.now;
        record.expires_at = self.end();
        record.not_after = self.lot.one_in(4).then(|| self.end());
        let mut new = NewSession::new(record.clone(), token());
        new.patch = self.patch();
        new.cap = NonZeroU32::new(if self.lot.one_in(2) { 3 } else { 0 });
        if self.lot.one_in(12) {
            new.max_bytes = 1;
        }
        if let Some(mut session) = self.session().filter(|_| !self.lot.one_in(4)) {
            if self.kind == Kind::ShortLives {
                // Whether it is still known that one expired is each backend's own affair.
                session.user = None;
            }
            let carry = match self.lot.below(4) {
                0 => Carry::Nothing,
                1 => Carry::keys(&[&"k0", &"k2"]),
                _ => Carry::All,
            };
            new.replaces = Some(Replace { session, carry });
        }
        for _ in 0..self.lot.below(3) {
            let session = self.session();
            new.presented.extend(session.and_then(|session| session.token));
        }
        let known = Known { record, tokens: vec![new.token] };
        let expected = self.memory.create(new.clone(), self.now).await;
        let answer = self.backend.create(new.clone(), self.now).await;
        let look = |answer: Result<session_core::Created, session_core::BackendError>| {
            answer.map_err(|error| error.kind()).map(|mut created| {
                created.evicted.sort_unstable();
                (whole(&created.session), created.evicted, created.replaced)
            })
        };
        let (expected, answer) = (look(expected), look(answer));
        assert_eq!(answer, expected, "{new:?}");
        if expected.is_ok() {
            self.known.push(known);
        }
    }

    fn change(&mut self) -> SessionChange {
        let mut change = SessionChange::patch(self.patch());
        change.if_version = self.lot.one_in(8).then(|| self.lot.below(3) as u64);
        change.presented = self.lot.one_in(2);
        if self.lot.one_in(2) {
            change.touch = Some(Touch {
                due_before: self.now.minus(Duration::from_secs(self.lot.below(9) as u64)),
                expires_at: self.end(),
                ip_address: None,
                agent: None,
            });
        }
        if self.lot.one_in(5) {
            let lifetime = Lifetime {
                idle_ttl_secs: self.lot.one_in(2).then_some(600),
                cookie_persistent: Some(self.lot.one_in(2)),
                not_after: self.lot.one_in(2).then(|| self.end()),
            };
            change.lifetime = Some(NewLifetime { lifetime, expires_at: self.end() });
        }
        let grace = Duration::from_secs(self.lot.below(40) as u64);
        let rotations = self.kind == Kind::Rotations && !self.lot.one_in(30);
        change.rotation = match self.lot.below(if rotations { 4 } else { 8 }) {
            0..=3 => Some(Rotation::Graceful { token: token(), grace_until: self.now.plus(grace) }),
            4 => Some(Rotation::Immediate { token: token() }),
            _ => None,
        };
        if !rotations && self.lot.one_in(8) {
            change.reauthentication = Some(Reauthentication {
                expires_at: self.end(),
                absolute_expires_at: self.lot.one_in(2).then(|| self.end()),
                ip_address: None,
                end_others: self.lot.one_in(2),
            });
        }
        if self.lot.one_in(20) {
            change.max_bytes = 1;
        }
        change
    }

    async fn update(&mut self) {
        let Some(session) = self.session() else { return };
        let change = self.change();
        let expected = self.memory.update(&session, &change, self.now).await;
        let expected = expected.map_err(|error| error.kind());
        let answer = self.backend.update(&session, &change, self.now).await;
        assert_eq!(answer.map_err(|error| error.kind()), expected, "{session:?} {change:?}");
        if let (Ok(Updated::Applied(_)), Some(rotation)) = (expected, change.rotation) {
            let known = self.known.iter_mut().find(|known| known.record.id == session.id).unwrap();
            known.tokens.push(*rotation.token());
        }
    }

    async fn remove(&mut self) {
        let Some(session) = self.session() else { return };
        let owner = self.lot.one_in(2).then(|| self.user());
        let acting = self.session().filter(|_| self.lot.one_in(2));
        let (how, now, acting) = (self.how(), self.now, acting.as_ref());
        let expected = self.memory.remove(&session, owner.as_ref(), acting, how, now).await;
        let answer = self.backend.remove(&session, owner.as_ref(), acting, how, now).await;
        let kind = |error: session_core::BackendError| error.kind();
        assert_eq!(answer.map_err(kind), expected.map_err(kind), "{session:?} {acting:?}");
    }

    async fn remove_user(&mut self) {
        let user = self.user();
        let acting = self.session().filter(|_| self.lot.one_in(2));
        let except = self.session().filter(|_| self.lot.one_in(2)).map(|session| session.id);
        let (how, now, acting) = (self.how(), self.now, acting.as_ref());
        let expected = self.memory.remove_user(&user, acting, except.as_ref(), how, now).await;
        let answer = self.backend.remove_user(&user, acting, except.as_ref(), how, now).await;
        let kind = |error: session_core::BackendError| -> BackendErrorKind { error.kind() };
        assert_eq!(answer.map_err(kind), expected.map_err(kind), "{user} {acting:?} {except:?}");
    }

    /// Every token that was ever made is found as the same.
    async fn compare(&self, step: &str) {
        let look = |found: Option<Found>| match found {
            None => "nothing".to_owned(),
            Some(Found::Live { session, token_seen }) => {
                format!("live {token_seen} {}", whole(&session))
            }
            Some(Found::Grace { session, until }) => format!("grace {until} {}", whole(&session)),
            Some(ended) => format!("{ended:?}"),
        };
        for known in &self.known {
            for (nth, token) in known.tokens.iter().enumerate() {
                let expected = look(self.memory.find(token, self.now).await.unwrap());
                let found = look(self.backend.find(token, self.now).await.unwrap());
                assert_eq!(found, expected, "{step}: token {nth} of {}", known.record.id);
            }
        }
    }

    async fn step(&mut self, step: &str) {
        if self.kind != Kind::Rotations || self.lot.one_in(8) {
            self.now = self.now.plus(Duration::from_secs(self.lot.below(5) as u64));
        }
        let rotations = self.kind == Kind::Rotations && self.known.len() > 1;
        let draw = if rotations { 6 + self.lot.below(11) } else { self.lot.below(20) };
        match draw {
            0..=5 => self.create().await,
            6..=16 => self.update().await,
            17 | 18 => self.remove().await,
            _ => self.remove_user().await,
        }
        self.compare(step).await;
    }
}

with_server! {
    async fn it_answers_as_the_backend_in_memory_does() {
        let fresh = Fresh::new().await;
        for seed in 0..ROUNDS {
            for user in ["alice", "bob"] {
                let how = EndedBy::Revoked;
                fresh.backend.remove_user(&user_id(user), None, None, how, NOW).await.unwrap();
            }
            let kinds = [Kind::Everything, Kind::Rotations, Kind::ShortLives];
            let mut model = Model {
                kind: kinds[usize::try_from(seed % 3).unwrap()],
                lot: Lot(seed * 7919 + 1),
                now: NOW,
                known: Vec::new(),
                memory: MemoryBackend::new(),
                backend: fresh.backend.clone(),
            };
            for step in 0..STEPS {
                model.step(&format!("seed {seed}, step {step}")).await;
            }
        }
    }
}
