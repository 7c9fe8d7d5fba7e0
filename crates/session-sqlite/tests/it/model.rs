//! Random calls, answered alike by the backend in memory.

use std::num::NonZeroU32;
use std::time::Duration;

use session_core::{
    Carry, EndedBy, Found, Lifetime, MemoryBackend, NewLifetime, NewSession, Patch,
    Reauthentication, Replace, Rotation, SessionBackend, SessionChange, SessionRef,
    TOMBSTONE_LIFETIME, Timestamp, TokenHash, UserId,
};

use super::support::{Fresh, NOW, Random, record, token, touch};

/// What happened so far, as far as the next call needs it: what is so young that no tombstone of it
/// can be forgotten, each with when it was made.
struct World {
    random: Random,
    now: Timestamp,
    sessions: Vec<(Timestamp, SessionRef)>,
    tokens: Vec<(Timestamp, TokenHash)>,
}

impl World {
    fn go_on(&mut self) {
        self.now = self.now.plus(Duration::from_secs(self.random.below(20) as u64));
        let oldest = self.now.minus(TOMBSTONE_LIFETIME);
        self.sessions.retain(|(made, _)| *made > oldest);
        self.tokens.retain(|(made, _)| *made > oldest);
    }

    fn token(&mut self) -> TokenHash {
        let token = token();
        self.tokens.push((self.now, token));
        token
    }

    fn session(&mut self) -> SessionRef {
        let mut session = match self.sessions.len() {
            0 => SessionRef::by_id(record().id),
            _ => self.random.pick(&self.sessions).1.clone(),
        };
        match self.random.below(6) {
            0 | 1 if !self.tokens.is_empty() => {
                session.token = Some(self.random.pick(&self.tokens).1);
            }
            2 => session.token = None,
            _ => {}
        }
        session
    }

    fn acting(&mut self) -> Option<SessionRef> {
        (self.random.below(2) == 0).then(|| self.session())
    }

    fn how(&mut self) -> EndedBy {
        *self.random.pick(&[EndedBy::SignedOut, EndedBy::Revoked])
    }

    fn not_after(&mut self) -> Option<Timestamp> {
        (self.random.below(3) == 0).then(|| self.later(600))
    }

    fn user(&mut self) -> UserId {
        UserId::new(self.random.pick(&["a", "b", "c"])).unwrap()
    }

    fn later(&mut self, seconds: usize) -> Timestamp {
        self.now.plus(Duration::from_secs(self.random.below(seconds) as u64))
    }

    fn patch(&mut self) -> Patch {
        let mut patch = Patch::new();
        for _ in 0..self.random.below(4) {
            let key = *self.random.pick(&["a", "b", "\"", "\u{fffe}"]);
            match self.random.below(8) {
                0 => patch.clear(),
                1 | 2 => patch.remove(key),
                _ => patch.set(key, self.random.next().into()),
            }
        }
        patch
    }

    fn new_session(&mut self) -> NewSession {
        let mut record = record();
        record.user_id = (self.random.below(3) > 0).then(|| self.user());
        record.created_at = self.now;
        record.last_active_at = self.now;
        record.expires_at = self.later(600);
        record.absolute_expires_at = (self.random.below(3) == 0).then(|| self.later(900));
        record.not_after = self.not_after();
        let mut new = NewSession::new(record, self.token());
        new.patch = self.patch();
        new.cap = NonZeroU32::new(u32::try_from(self.random.below(5)).unwrap());
        new.max_bytes = *self.random.pick(&[u64::MAX, u64::MAX, 40]);
        if self.random.below(2) == 0 {
            let carry = match self.random.below(3) {
                0 => Carry::All,
                1 => Carry::keys(&[&"a", &"\""]),
                _ => Carry::Nothing,
            };
            let mut session = self.session();
            session.user = (self.random.below(2) == 0).then(|| self.user());
            new.replaces = Some(Replace { session, carry });
        }
        for _ in 0..self.random.below(3) {
            new.presented.extend(self.session().token);
        }
        new
    }

    fn change(&mut self) -> SessionChange {
        let mut change = SessionChange::patch(self.patch());
        change.if_version = (self.random.below(4) == 0).then(|| self.random.below(3) as u64);
        change.max_bytes = *self.random.pick(&[u64::MAX, u64::MAX, 60]);
        if self.random.below(2) == 0 {
            let mut touch = touch(self.now);
            touch.due_before = self.now.minus(Duration::from_secs(self.random.below(60) as u64));
            touch.expires_at = self.later(600);
            if self.random.below(2) == 0 {
                touch.agent = None;
            }
            change.touch = Some(touch);
        }
        change.presented = self.random.below(2) == 0;
        if self.random.below(6) == 0 {
            let lifetime = Lifetime {
                idle_ttl_secs: (self.random.below(2) == 0).then_some(60),
                cookie_persistent: (self.random.below(2) == 0).then_some(true),
                not_after: self.not_after(),
            };
            change.lifetime = Some(NewLifetime { lifetime, expires_at: self.later(600) });
        }
        change.rotation = match self.random.below(6) {
            0 => Some(Rotation::Graceful { token: self.token(), grace_until: self.later(60) }),
            1 => Some(Rotation::Immediate { token: self.token() }),
            _ => None,
        };
        if self.random.below(8) == 0 {
            change.reauthentication = Some(Reauthentication {
                expires_at: self.later(600),
                absolute_expires_at: (self.random.below(2) == 0).then(|| self.later(900)),
                ip_address: None,
                end_others: self.random.below(2) == 0,
            });
        }
        change
    }
}

/// Both answers as text, so that they are compared whole. Data shows its keys only in `Debug`, so
/// it is written out.
async fn both<T, F: Future<Output = Result<T, session_core::BackendError>>>(
    sqlite: F,
    memory: F,
    text: impl Fn(&T) -> String,
) -> (String, String, Option<T>) {
    let (sqlite, memory) = (sqlite.await, memory.await);
    let shown = |answer: &Result<T, session_core::BackendError>| match answer {
        Ok(value) => text(value),
        Err(error) => format!("{:?}", error.kind()),
    };
    (shown(&sqlite), shown(&memory), sqlite.ok())
}

fn found(found: &Option<Found>) -> String {
    match found {
        Some(Found::Live { session, token_seen }) => format!("live {token_seen} {session:?}"),
        Some(Found::Grace { session, until }) => format!("grace {until} {session:?}"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_as_the_backend_in_memory() {
    for seed in 0..6 {
        check(seed).await;
    }
}

async fn check(seed: u64) {
    let fresh = Fresh::new().await;
    let (sqlite, memory): (&dyn SessionBackend, MemoryBackend) =
        (&fresh.backend, MemoryBackend::new());
    let memory: &dyn SessionBackend = &memory;
    let mut world =
        World { random: Random(seed), now: NOW, sessions: Vec::new(), tokens: Vec::new() };
    for step in 0..600 {
        world.go_on();
        let now = world.now;
        let (one, other) = match world.random.below(20) {
            0..5 => {
                let new = world.new_session();
                let hash = new.token;
                if new.replaces.as_ref().is_some_and(|replace| replace.session.user.is_some()) {
                    // Whether one to replace has expired shows only until it is deleted.
                    sqlite.purge_expired(now, u32::MAX, Default::default()).await.unwrap();
                    memory.purge_expired(now, u32::MAX, Default::default()).await.unwrap();
                }
                let calls = (sqlite.create(new.clone(), now), memory.create(new, now));
                let (one, other, made) = both(calls.0, calls.1, |made| {
                    let mut evicted = made.evicted.clone();
                    evicted.sort_unstable();
                    format!("{:?} {evicted:?} {}", made.session, made.replaced)
                })
                .await;
                if let Some(made) = made {
                    let session = super::support::reference(made.session.id, hash);
                    world.sessions.push((now, session));
                }
                (one, other)
            }
            5..15 => {
                let (session, change) = (world.session(), world.change());
                let calls =
                    (sqlite.update(&session, &change, now), memory.update(&session, &change, now));
                let (one, other, _) = both(calls.0, calls.1, |done| format!("{done:?}")).await;
                (one, other)
            }
            15 | 16 => {
                let session = world.session();
                let owner = (world.random.below(2) == 0).then(|| world.user());
                let (acting, how) = (world.acting(), world.how());
                let (owner, acting) = (owner.as_ref(), acting.as_ref());
                let calls = (
                    sqlite.remove(&session, owner, acting, how, now),
                    memory.remove(&session, owner, acting, how, now),
                );
                let (one, other, _) = both(calls.0, calls.1, |done| format!("{done:?}")).await;
                (one, other)
            }
            17 => {
                let (user, except) = (world.user(), world.session().id);
                let (acting, how) = (world.acting(), world.how());
                let (acting, except) = (acting.as_ref(), Some(&except));
                let calls = (
                    sqlite.remove_user(&user, acting, except, how, now),
                    memory.remove_user(&user, acting, except, how, now),
                );
                let (one, other, _) = both(calls.0, calls.1, |ids| {
                    let mut ids = ids.clone();
                    ids.sort_unstable();
                    format!("{ids:?}")
                })
                .await;
                (one, other)
            }
            18 => {
                // How many are due differs by what a sign-in happened to delete before.
                sqlite.purge_expired(now, 5, Default::default()).await.unwrap();
                memory.purge_expired(now, 5, Default::default()).await.unwrap();
                continue;
            }
            _ => {
                let user = world.user();
                let calls = (sqlite.list(&user, now), memory.list(&user, now));
                let (one, other, _) = both(calls.0, calls.1, |list| format!("{list:?}")).await;
                (one, other)
            }
        };
        assert_eq!(one, other, "seed {seed}, step {step}");
        for (_, hash) in world.tokens.iter().rev().take(40) {
            let calls = (sqlite.find(hash, now), memory.find(hash, now));
            let (one, other, _) = both(calls.0, calls.1, found).await;
            assert_eq!(one, other, "seed {seed}, step {step}");
        }
    }
}
