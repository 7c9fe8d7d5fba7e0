//! What the core asks of a backend.

use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::client::DeviceType;
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::key::KeyName;
use crate::lifetime::Lifetime;
use crate::patch::Patch;
use crate::record::SessionData;
use crate::token::TokenHash;

/// What [`SessionBackend::create`](crate::SessionBackend::create) is to make.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewSession {
    /// Every field of the new record but its data, which is empty here: the backend puts in what is
    /// carried, with the patch applied.
    pub record: SessionData,
    /// The hash of the new session's token.
    pub token: TokenHash,
    /// What changes in the data that is carried.
    pub patch: Patch,
    /// The ceiling for the data in bytes of the backend's own encoding: four times what the
    /// configuration allows, so that no honest write meets it and no race passes it far.
    pub max_bytes: u64,
    /// How many live sessions the record's user may have, this one counted. `None` evicts nothing;
    /// so does a record without a user.
    pub cap: Option<NonZeroU32>,
    /// The session that this one takes the place of.
    pub replaces: Option<Replace>,
    /// The hashes of the tokens that came with the request: the new session is named as the
    /// successor of each of them that has a tombstone.
    pub presented: Vec<TokenHash>,
}

impl NewSession {
    /// A session to make, that replaces nothing, evicts nothing, and has no data.
    #[must_use]
    pub fn new(record: SessionData, token: TokenHash) -> Self {
        Self {
            record,
            token,
            patch: Patch::new(),
            max_bytes: u64::MAX,
            cap: None,
            replaces: None,
            presented: Vec::new(),
        }
    }
}

/// The session that a new one takes the place of.
#[derive(Debug, Clone)]
pub struct Replace {
    /// Which. Its [`user`](SessionRef::user) is the one that the request loaded it with; `None`:
    /// nobody's, or it was found ended.
    pub session: SessionRef,
    /// What of its data goes into the new one.
    pub carry: Carry,
}

/// What of a session's data goes into the one that takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Carry {
    /// Everything.
    #[default]
    All,
    /// These keys, if they exist: [`keys`](Self::keys) takes them typed.
    Keys(Vec<String>),
    /// Nothing.
    Nothing,
}

impl Carry {
    /// These keys, typed ones and strings together.
    ///
    /// ```
    /// use session_core::{Carry, Key};
    ///
    /// const CART: Key<Vec<String>> = Key::new("cart");
    /// const VISITS: Key<u64> = Key::new("visits");
    ///
    /// let carry = Carry::keys(&[&CART, &VISITS, &"theme"]);
    /// assert_eq!(carry, Carry::Keys(vec!["cart".into(), "visits".into(), "theme".into()]));
    /// ```
    #[must_use]
    pub fn keys(keys: &[&dyn KeyName]) -> Self {
        Self::Keys(keys.iter().map(|key| key.key_name().to_owned()).collect())
    }

    /// Leaves in `data` what is carried. For backends that hold the old session's data at hand.
    pub fn apply(&self, data: &mut crate::Data) {
        match self {
            Self::All => {}
            Self::Keys(keys) => data.retain(|key| keys.iter().any(|wanted| wanted == key)),
            Self::Nothing => *data = crate::Data::new(),
        }
    }
}

/// Which session a call is about, and by what right. The id names it, the token's hash is the right:
/// one that is neither the session's current one nor in grace has none. The user is there so that a
/// backend that spreads sessions over several places knows where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// The session's public name.
    pub id: SessionId,
    /// The hash of the token that stands for it. `None`: an administrator's call, which needs none.
    pub token: Option<TokenHash>,
    /// The session's user, if known.
    pub user: Option<UserId>,
}

impl SessionRef {
    /// A session known by its name only.
    #[must_use]
    pub const fn by_id(id: SessionId) -> Self {
        Self { id, token: None, user: None }
    }
}

/// What [`SessionBackend::update`](crate::SessionBackend::update) is to change.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionChange {
    /// What changes in the data. Empty: the data and its version stay.
    pub patch: Patch,
    /// Change only if the stored version is this one.
    pub if_version: Option<u64>,
    /// The ceiling for the data, as in [`NewSession::max_bytes`]. Looked at only if the patch is
    /// not empty.
    pub max_bytes: u64,
    /// That the session was used.
    pub touch: Option<Touch>,
    /// Whether a browser sent the token of the [`SessionRef`], which shows that it has got it; not so
    /// for a token that this very request issued. Looked at with a touch, a rotation or a
    /// re-authentication, and only if the token is the current one. The token is then marked as seen;
    /// a touch by one that was not seen before applies whatever its
    /// [`due_before`](Touch::due_before).
    pub presented: bool,
    /// A lifetime of its own.
    pub lifetime: Option<NewLifetime>,
    /// A new token.
    pub rotation: Option<Rotation>,
    /// That the user proved again who they are.
    pub reauthentication: Option<Reauthentication>,
}

impl Default for SessionChange {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            patch: Patch::new(),
            if_version: None,
            max_bytes: u64::MAX,
            touch: None,
            presented: false,
            lifetime: None,
            rotation: None,
            reauthentication: None,
        }
    }
}

impl SessionChange {
    /// Changes this in the data, and nothing else; without a ceiling for the data.
    #[must_use]
    pub fn patch(patch: Patch) -> Self {
        Self { patch, ..Self::default() }
    }

    /// Says that the session was used, and nothing else.
    #[must_use]
    pub fn touch(touch: Touch) -> Self {
        Self { touch: Some(touch), ..Self::default() }
    }

    /// Gives the session a new token, and changes nothing else.
    #[must_use]
    pub fn rotation(rotation: Rotation) -> Self {
        Self { rotation: Some(rotation), ..Self::default() }
    }

    /// Makes the change in a record that is at hand, all but the token; whether the touch was due.
    /// `is_first_seen`: the token is marked as seen by this change. The conditions ([`if_version`](Self::if_version), [`max_bytes`](Self::max_bytes), the
    /// rotation's) are the caller's to look at. For backends that hold records in memory, and inside
    /// a transaction; a database that can do it by itself does it in SQL.
    pub fn apply(&self, record: &mut SessionData, is_first_seen: bool, now: Timestamp) -> bool {
        if !self.patch.is_empty() {
            self.patch.apply(&mut record.data);
            record.version += 1;
        }
        let touch = self.touch.as_ref().filter(|touch| is_first_seen || touch.is_due(record));
        if let Some(new) = &self.lifetime {
            new.apply(record);
        }
        if let Some(touch) = touch {
            touch.apply(record, now);
        }
        if let Some(again) = &self.reauthentication {
            again.apply(record, now);
        }
        touch.is_some()
    }
}

/// The lifetime that a session is to have from now on, in the place of the one before.
///
/// `expires_at` becomes what is given, even if that is sooner, but never later than the stored
/// `absolute_expires_at` and the new [`not_after`](crate::Lifetime::not_after).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewLifetime {
    /// Stored as it is.
    pub lifetime: Lifetime,
    /// The new end of the session's life.
    pub expires_at: Timestamp,
}

impl NewLifetime {
    fn apply(&self, record: &mut SessionData) {
        record.idle_ttl_secs = self.lifetime.idle_ttl_secs;
        record.cookie_persistent = self.lifetime.cookie_persistent;
        record.not_after = self.lifetime.not_after;
        record.expires_at = record.bounded(self.expires_at);
    }
}

/// That a session was used.
///
/// Applies only if the stored `last_active_at <= due_before`, so that of many parallel requests
/// one writes. Then `last_active_at` becomes the later of `now` and what is stored, and
/// `expires_at` the later of [`expires_at`](Self::expires_at) and what is stored, but never beyond
/// the stored `absolute_expires_at` and `not_after`.
#[derive(Debug, Clone, PartialEq)]
pub struct Touch {
    /// Apply only if the session was last active at this moment or before. Never later than the
    /// call's `now`.
    pub due_before: Timestamp,
    /// The new end of the session's life.
    pub expires_at: Timestamp,
    /// The client's present address; becomes `last_ip_address`.
    pub ip_address: Option<IpAddr>,
    /// The client's present agent, if it is a newer one of the same kind. `None` leaves what is
    /// stored.
    pub agent: Option<Agent>,
}

impl Touch {
    /// Makes the change in a record to which it applies.
    pub(crate) fn apply(&self, record: &mut SessionData, now: Timestamp) {
        record.last_active_at = record.last_active_at.max(now);
        record.expires_at = record.bounded(record.expires_at.max(self.expires_at));
        record.last_ip_address = self.ip_address;
        if let Some(agent) = self.agent.clone() {
            record.user_agent = Some(agent.user_agent);
            record.device_name = agent.device_name;
            record.device_type = agent.device_type;
        }
    }

    /// Whether it applies to this record.
    #[must_use]
    pub fn is_due(&self, record: &SessionData) -> bool {
        record.last_active_at <= self.due_before
    }
}

/// What a client says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The User-Agent, cut to 512 bytes.
    pub user_agent: String,
    /// For people.
    pub device_name: String,
    /// What it runs on.
    pub device_type: DeviceType,
}

/// A new token for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// A plain rotation. Applies only if the hash that was presented is the current one: of any
    /// number that race from one token exactly one applies. The token before gets a tombstone
    /// [`EndedBy::Rotated`](crate::EndedBy::Rotated) with grace.
    Graceful {
        /// The hash of the new token.
        token: TokenHash,
        /// Until when the token before still works.
        grace_until: Timestamp,
    },
    /// The rotation of a re-authentication. Applies if the hash that was presented is the current
    /// one or still in grace. The token before gets a tombstone [`EndedBy::Rotated`](crate::EndedBy::Rotated) without grace,
    /// and whatever grace the session's earlier tokens had ends now.
    Immediate {
        /// The hash of the new token.
        token: TokenHash,
    },
}

impl Rotation {
    /// The hash of the new token.
    #[must_use]
    pub const fn token(&self) -> &TokenHash {
        match self {
            Self::Graceful { token, .. } | Self::Immediate { token } => token,
        }
    }

    /// Until when the token before still works, if it does.
    #[must_use]
    pub const fn grace_until(&self) -> Option<Timestamp> {
        match self {
            Self::Graceful { grace_until, .. } => Some(*grace_until),
            Self::Immediate { .. } => None,
        }
    }
}

/// That the user proved again who they are: `authenticated_at` becomes `now`, `last_active_at` the
/// later of `now` and what is stored, and the lifetime is set anew, even if that shortens it, but
/// never beyond the stored `not_after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reauthentication {
    /// The new end of the session's life.
    pub expires_at: Timestamp,
    /// The new bound of it.
    pub absolute_expires_at: Option<Timestamp>,
    /// The client's present address; becomes `last_ip_address`.
    pub ip_address: Option<IpAddr>,
    /// Whether every other session of the user ends in the same step, as
    /// [`EndedBy::Revoked`](crate::EndedBy::Revoked): so a change of password is never half done.
    pub end_others: bool,
}

impl Reauthentication {
    fn apply(&self, record: &mut SessionData, now: Timestamp) {
        record.authenticated_at = Some(now);
        record.last_active_at = record.last_active_at.max(now);
        record.absolute_expires_at = self.absolute_expires_at;
        record.expires_at = record.bounded(self.expires_at);
        record.last_ip_address = self.ip_address;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `parts`: patch, touch, rotation.
    fn check(name: &str, change: &SessionChange, parts: [bool; 3]) {
        let SessionChange {
            patch,
            if_version,
            max_bytes,
            touch,
            presented,
            lifetime,
            rotation,
            reauthentication,
        } = change;
        assert_eq!([!patch.is_empty(), touch.is_some(), rotation.is_some()], parts, "{name}");
        assert_eq!((*if_version, *max_bytes), (None, u64::MAX), "{name}");
        assert!(reauthentication.is_none() && lifetime.is_none() && !presented, "{name}");
    }

    #[test]
    fn what_is_carried_is_named_by_any_kind_of_key() {
        const CART: crate::Key<u32> = crate::Key::new("cart");
        const THEME: crate::Key<String> = crate::Key::new("theme");
        fn check(name: &str, keys: &[&dyn KeyName], expected: &[&str]) {
            let expected = expected.iter().map(|&key| key.to_owned()).collect();
            assert_eq!(Carry::keys(keys), Carry::Keys(expected), "{name}");
        }
        check("none", &[], &[]);
        check("typed", &[&CART, &THEME], &["cart", "theme"]);
        check("mixed", &[&CART, &"a", &"b".to_owned()], &["cart", "a", "b"]);
        assert_eq!(Carry::Keys(vec![CART.into()]), Carry::keys(&[&CART]));
    }

    #[test]
    fn a_change_is_of_what_it_names() {
        let now = Timestamp::UNIX_EPOCH;
        let mut patch = Patch::new();
        patch.set("a", 1.into());
        let touch = Touch { due_before: now, expires_at: now, ip_address: None, agent: None };
        let rotation =
            Rotation::Immediate { token: crate::SessionToken::generate().unwrap().hash() };
        check("nothing", &SessionChange::default(), [false; 3]);
        check("a patch", &SessionChange::patch(patch), [true, false, false]);
        check("a touch", &SessionChange::touch(touch), [false, true, false]);
        check("a rotation", &SessionChange::rotation(rotation), [false, false, true]);
    }
}
