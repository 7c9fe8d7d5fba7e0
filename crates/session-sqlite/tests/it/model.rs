//! Random calls, answered alike by the backend in memory.

use std::num::NonZeroU32;
use std::time::Duration;

use session_core::{
    Carry, EndedBy, Found, MemoryBackend, NewSession, Patch, Reauthentication, Replace, Rotation,
    SessionBackend, SessionChange, SessionRef, Timestamp, TokenHash, UserId,
};

use super::support::{Fresh, NOW, Random, record, token, touch};

/// What happened so far, as far as the next call needs it.
struct World {
    random: Random,
    now: Timestamp,
    sessions: Vec<SessionRef>,
    tokens: Vec<TokenHash>,
}

impl World {
    fn token(&mut self) -> TokenHash {
        let token = token();
        self.tokens.push(token);
        token
    }

    fn session(&mut self) -> SessionRef {
        let mut session = match self.sessions.len() {
            0 => SessionRef::by_id(record().id),
            _ => self.random.pick(&self.sessions).clone(),
        };
        if self.random.below(3) == 0 && !self.tokens.is_empty() {
            session.token = Some(*self.random.pick(&self.tokens));
        }
        session
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
            new.replaces = Some(Replace { session: self.session(), carry });
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
        Some(Found::Live(session)) => format!("live {}", json(&**session)),
        Some(Found::Grace { session, until }) => format!("grace {until} {}", json(&**session)),
        other => format!("{other:?}"),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
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
        world.now = world.now.plus(Duration::from_secs(world.random.below(20) as u64));
        let now = world.now;
        let (one, other) = match world.random.below(20) {
            0..5 => {
                let new = world.new_session();
                let hash = new.token;
                let calls = (sqlite.create(new.clone(), now), memory.create(new, now));
                let (one, other, made) = both(calls.0, calls.1, |made| {
                    let mut evicted = made.evicted.clone();
                    evicted.sort_unstable();
                    format!("{} {evicted:?} {}", json(&made.session), made.replaced)
                })
                .await;
                if let Some(made) = made {
                    world.sessions.push(super::support::reference(made.session.id, hash));
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
                let (owner, how) = (owner.as_ref(), EndedBy::Revoked);
                let calls = (
                    sqlite.remove(&session, owner, how, now),
                    memory.remove(&session, owner, how, now),
                );
                let (one, other, _) = both(calls.0, calls.1, |done| format!("{done:?}")).await;
                (one, other)
            }
            17 => {
                let (user, except) = (world.user(), world.session().id);
                let except = Some(&except);
                let how = EndedBy::SignedOut;
                let calls = (
                    sqlite.remove_user(&user, except, how, now),
                    memory.remove_user(&user, except, how, now),
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
                sqlite.purge_expired(now, 5).await.unwrap();
                memory.purge_expired(now, 5).await.unwrap();
                continue;
            }
            _ => {
                let user = world.user();
                let calls = (sqlite.list(&user, now), memory.list(&user, now));
                let (one, other, _) = both(calls.0, calls.1, json).await;
                (one, other)
            }
        };
        assert_eq!(one, other, "seed {seed}, step {step}");
        for hash in world.tokens.iter().rev().take(40) {
            let calls = (sqlite.find(hash, now), memory.find(hash, now));
            let (one, other, _) = both(calls.0, calls.1, found).await;
            assert_eq!(one, other, "seed {seed}, step {step}");
        }
    }
}
