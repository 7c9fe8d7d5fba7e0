//! What a history is made of: calls that name sessions and tokens by numbers, and moments by how far they
//! are from the clock. So each stays what it is if those before it are left out.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};
use session_core::{
    Agent, Carry, DeviceType, EndedBy, Fingerprint, Impersonator, Lifetime, NewLifetime,
    NewSession, Patch, PurgeReport, Reauthentication, Replace, Rotation, SessionChange,
    SessionData, SessionId, SessionRef, Timestamp, TokenHash, Touch, UserId,
};

/// Whose the sessions are.
pub(super) const USERS: [&str; 3] = ["ann", "bob", "cy"];

/// Data that holds [`Content::Large`] is larger than this in every encoding, and all other is smaller.
const CEILING: u64 = 1000;

/// One step of a history.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Clock(Jump),
    Create(Box<New>),
    Update(Target, Box<Change>),
    Remove {
        target: Target,
        owner: Option<&'static str>,
        acting: Option<Target>,
        how: EndedBy,
    },
    RemoveUser {
        user: &'static str,
        acting: Option<Target>,
        except: Option<Name>,
        how: EndedBy,
    },
    /// In batches of this size, to the end.
    EndAll {
        how: EndedBy,
        limit: u32,
    },
    /// One batch, or all of them.
    Purge {
        limit: u32,
        report: PurgeReport,
        to_the_end: bool,
    },
    Live(Vec<Name>),
    Ping,
}

/// Where the clock goes, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Jump {
    Ahead(u32),
    /// A server's clock that is behind another's. Never back over a moment at which something ended: what
    /// has expired may be deleted, and then it does not come back.
    Back(u32),
    /// To one of the next moments at which something ends.
    ToAnEnd(usize),
    /// To the microsecond before.
    JustBeforeAnEnd(usize),
}

/// A session of a history. Their ids are in another order than that in which they are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(pub(super) u32);

impl Name {
    pub(super) fn id(self) -> SessionId {
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&mixed(self.0));
        bytes[12..].copy_from_slice(&self.0.to_be_bytes());
        SessionId::from_bytes(bytes)
    }

    pub(super) fn of(id: &SessionId) -> Self {
        let [.., a, b, c, d] = id.to_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id().cmp(&other.id())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// A token of a history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token(pub(super) u32);

impl Token {
    pub(super) fn hash(self) -> TokenHash {
        let mut bytes = [9; 32];
        bytes[..4].copy_from_slice(&mixed(self.0));
        bytes[28..].copy_from_slice(&self.0.to_be_bytes());
        TokenHash::from_bytes(bytes)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {}", self.0)
    }
}

/// Another number for each.
const fn mixed(number: u32) -> [u8; 4] {
    number.wrapping_mul(0x9e37_79b1).to_be_bytes()
}

/// How a session is named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) session: Name,
    pub(super) token: Option<Token>,
    /// Its user, if it is told.
    pub(super) user: Option<&'static str>,
}

impl Target {
    pub(super) fn reference(&self) -> SessionRef {
        SessionRef {
            id: self.session.id(),
            token: self.token.map(Token::hash),
            user: self.user.map(user),
        }
    }
}

/// A session to make.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) name: Name,
    pub(super) token: Token,
    pub(super) user: Option<&'static str>,
    /// Whether somebody acts in the user's place.
    pub(super) is_impersonated: bool,
    /// Whether every field has something in it.
    pub(super) is_full: bool,
    /// For so many seconds, and no longer than these two.
    pub(super) lives: u32,
    pub(super) absolute: Option<u32>,
    pub(super) not_after: Option<u32>,
    /// So many seconds ago.
    pub(super) active: u32,
    pub(super) writes: Vec<Write>,
    pub(super) has_ceiling: bool,
    pub(super) cap: Option<NonZeroU32>,
    pub(super) replaces: Option<(Target, Carried)>,
    pub(super) presented: Vec<Token>,
}

impl New {
    /// What is stored, without data.
    pub(super) fn record(&self, now: Timestamp) -> SessionData {
        let [absolute, not_after] = [self.absolute, self.not_after].map(|secs| later(now, secs));
        let bounds = [absolute, not_after].into_iter().flatten();
        let id = self.name.id();
        let mut record = SessionData {
            user_id: self.user.map(user),
            authenticated_at: self.user.map(|_| now),
            last_active_at: now.minus(secs(self.active)),
            expires_at: bounds.fold(now.plus(secs(self.lives)), Timestamp::min),
            absolute_expires_at: absolute,
            not_after,
            ..SessionData::new(id, now, Duration::ZERO)
        };
        if self.is_impersonated {
            let staff = Impersonator::new(Name(0).id(), Token(0).hash(), user("eve of support"));
            record.impersonator = Some(Box::new(staff));
        }
        if self.is_full {
            record.ip_address = address(true);
            record.last_ip_address = address(false);
            record.user_agent = Some("Mozilla/5.0, 'quoted' \"twice\" Ü".to_owned());
            record.device_name = "Firefox, on Linux".to_owned();
            record.device_type = DeviceType::Desktop;
            record.fingerprint = Fingerprint::from_bytes(&[1; 33]);
            record.idle_ttl_secs = Some(3600);
            record.cookie_persistent = Some(true);
        }
        record
    }

    pub(super) fn call(&self, now: Timestamp) -> NewSession {
        let mut new = NewSession::new(self.record(now), self.token.hash());
        new.patch = patch(&self.writes);
        new.max_bytes = ceiling(self.has_ceiling);
        new.cap = self.cap;
        new.replaces = self.replaces.as_ref().map(|(target, carried)| Replace {
            session: target.reference(),
            carry: match carried {
                Carried::All => Carry::All,
                Carried::Keys(keys) => Carry::Keys(keys.iter().map(ToString::to_string).collect()),
                Carried::Nothing => Carry::Nothing,
            },
        });
        new.presented = self.presented.iter().map(|token| token.hash()).collect();
        new
    }
}

/// What goes along from the session that is replaced.
#[derive(Debug, Clone)]
pub(super) enum Carried {
    All,
    Keys(Vec<&'static str>),
    Nothing,
}

/// A change of a session; moments in seconds from now.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) writes: Vec<Write>,
    pub(super) if_version: Option<u64>,
    pub(super) has_ceiling: bool,
    pub(super) touch: Option<Touched>,
    pub(super) presented: bool,
    pub(super) lifetime: Option<Lives>,
    pub(super) rotation: Option<Rotated>,
    pub(super) again: Option<Again>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Touched {
    /// Due if the session was active so long ago.
    pub(super) due: u32,
    pub(super) lives: u32,
    pub(super) has_address: bool,
    pub(super) has_agent: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Lives {
    pub(super) idle: Option<u64>,
    pub(super) persistent: Option<bool>,
    pub(super) not_after: Option<u32>,
    pub(super) lives: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Rotated {
    pub(super) token: Token,
    /// `None`: the rotation of a re-authentication.
    pub(super) grace: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    pub(super) lives: u32,
    pub(super) absolute: Option<u32>,
    pub(super) has_address: bool,
    pub(super) end_others: bool,
}

impl Change {
    pub(super) fn call(&self, now: Timestamp) -> SessionChange {
        let mut change = SessionChange::patch(patch(&self.writes));
        change.if_version = self.if_version;
        change.max_bytes = ceiling(self.has_ceiling);
        change.touch = self.touch.map(|touch| Touch {
            due_before: now.minus(secs(touch.due)),
            expires_at: now.plus(secs(touch.lives)),
            ip_address: address(touch.has_address),
            agent: touch.has_agent.then(newer_agent),
        });
        change.presented = self.presented;
        change.lifetime = self.lifetime.map(|own| NewLifetime {
            lifetime: Lifetime {
                idle_ttl_secs: own.idle,
                cookie_persistent: own.persistent,
                not_after: later(now, own.not_after),
            },
            expires_at: now.plus(secs(own.lives)),
        });
        change.rotation = self.rotation.map(|Rotated { token, grace }| match later(now, grace) {
            Some(grace_until) => Rotation::Graceful { token: token.hash(), grace_until },
            None => Rotation::Immediate { token: token.hash() },
        });
        change.reauthentication = self.again.map(|again| Reauthentication {
            expires_at: now.plus(secs(again.lives)),
            absolute_expires_at: later(now, again.absolute),
            ip_address: address(again.has_address),
            end_others: again.end_others,
        });
        change
    }
}

pub(super) fn newer_agent() -> Agent {
    Agent {
        user_agent: "Mozilla/6.0".to_owned(),
        device_name: "Chrome on Windows".to_owned(),
        device_type: DeviceType::Mobile,
    }
}

/// One write to a session's data.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write {
    Set(&'static str, Content),
    Remove(&'static str),
    Clear,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Null,
    Number(i64),
    Text(&'static str),
    Nested(i64),
    /// More than a ceiling lets in.
    Large,
}

impl Content {
    pub(super) fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Number(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::Nested(number) => json!({ "x": [number, null], "": {} }),
            // Not one that a database could make small.
            Self::Large => {
                let mixed = |number: u32| u32::from_be_bytes(mixed(number * number));
                (1..500).map(|number| format!("{:08x}", mixed(number))).collect::<String>().into()
            }
        }
    }
}

fn patch(writes: &[Write]) -> Patch {
    let mut patch = Patch::new();
    for write in writes {
        match *write {
            Write::Set(key, content) => patch.set(key, content.value()),
            Write::Remove(key) => patch.remove(key),
            Write::Clear => patch.clear(),
        }
    }
    patch
}

const fn ceiling(has_ceiling: bool) -> u64 {
    if has_ceiling { CEILING } else { u64::MAX }
}

pub(super) fn address(has_address: bool) -> Option<std::net::IpAddr> {
    has_address.then(|| "2001:db8::7".parse().expect("an address"))
}

pub(super) fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user id")
}

pub(super) fn secs(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

pub(super) fn later(now: Timestamp, seconds: Option<u32>) -> Option<Timestamp> {
    seconds.map(|seconds| now.plus(secs(seconds)))
}
