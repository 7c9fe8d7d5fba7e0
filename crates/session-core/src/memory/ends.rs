//! Ending tokens: those of a session that ends, and one that rotates away.

use std::collections::hash_map::Entry;

use super::state::State;
use super::tombstone::{End, Tombstone};
use crate::backend::{EndedBy, MAX_GRACES, Rotation, tombstone_expiry};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::token::TokenHash;

impl State {
    pub(super) fn end_all(
        &mut self,
        user: &UserId,
        except: Option<&SessionId>,
        end: End<'_>,
    ) -> Vec<SessionId> {
        let ids: Vec<_> = self.users.get(user).into_iter().flatten().map(|seat| seat.id).collect();
        let mut ended = Vec::with_capacity(ids.len());
        for id in ids.into_iter().filter(|id| Some(id) != except) {
            if self.live_by_id(&id, end.at).is_some() {
                self.end(&id, end);
                ended.push(id);
            } else {
                self.delete(&id);
            }
        }
        ended
    }

    /// Ends a session and all its tokens: returns the last one, and the earlier ones that are known.
    pub(super) fn end(
        &mut self,
        id: &SessionId,
        end: End<'_>,
    ) -> Option<(TokenHash, Vec<TokenHash>)> {
        let stored = self.delete(id)?;
        let token = stored.token;
        let mut earlier = stored.linked.map(|linked| linked.earlier).unwrap_or_default();
        // What is forgotten already is not brought back.
        earlier.retain(|hash| self.tombstones.get(hash).is_some_and(|t| t.expires_at > end.at));
        for hash in earlier.iter().chain([&token]) {
            // A sign-out is one of the token that asked for it.
            let how = match end.how {
                EndedBy::SignedOut if end.by != Some(*hash) => EndedBy::Revoked,
                how => how,
            };
            let tombstone = self.bury(*hash, *id, how, None, end.at);
            if let Some((successor, user)) = end.successor {
                tombstone.successor = Some(successor);
                // Another user's data is nobody's to carry: who finds the session ended does not know
                // whose it was.
                let owner = stored.session.user_id.as_ref();
                let heir = user.filter(|user| owner.is_none_or(|owner| owner == *user));
                let left = |user: &UserId| Box::new((user.clone(), stored.session.data.clone()));
                tombstone.replaced = heir.map(left);
            }
        }
        Some((token, earlier))
    }

    /// The browser has the current token, and so whatever came before it is followed.
    pub(super) fn mark_seen(&mut self, current: &TokenHash) {
        let Some(stored) = self.sessions.get_mut(current) else { return };
        stored.token_seen = true;
        let id = stored.session.id;
        let Some(linked) = &mut stored.linked else { return };
        for hash in &std::mem::take(&mut linked.predecessors) {
            if let Some(tombstone) = self.tombstones.get_mut(hash)
                && tombstone.successor == Some(id)
            {
                tombstone.successor_seen = true;
            }
        }
        for hash in &linked.earlier {
            if let Some(tombstone) = self.tombstones.get_mut(hash) {
                tombstone.successor_seen = true;
            }
        }
    }

    pub(super) fn rotate(&mut self, current: TokenHash, rotation: &Rotation, now: Timestamp) {
        let Some(stored) = self.sessions.get_mut(&current) else { return };
        let id = stored.session.id;
        stored.token_seen = false;
        let linked = stored.linked.get_or_insert_default();
        linked.earlier.retain(|token| self.tombstones.contains_key(token));
        // How many stay in grace beside the one that gets it now.
        let mut graces = match rotation {
            Rotation::Graceful { .. } => MAX_GRACES - 1,
            Rotation::Immediate { .. } => 0,
        };
        for token in linked.earlier.iter().rev() {
            if let Some(tombstone) = self.tombstones.get_mut(token)
                && tombstone.grace_until.is_some_and(|until| until > now)
            {
                match graces.checked_sub(1) {
                    Some(left) => graces = left,
                    None => (tombstone.grace_until, tombstone.at) = (None, now),
                }
            }
        }
        linked.earlier.push(current);
        self.bury(current, id, EndedBy::Rotated, rotation.grace_until(), now);
        self.sessions.rename(&id, *rotation.token());
    }

    /// Writes the tombstone of a token, over the one that it may have already.
    pub(super) fn bury(
        &mut self,
        token: TokenHash,
        id: SessionId,
        how: EndedBy,
        grace_until: Option<Timestamp>,
        now: Timestamp,
    ) -> &mut Tombstone {
        // Two out for one in: so they stay few where nobody purges.
        self.forget_tombstones(now, 2);
        let expires_at = tombstone_expiry(now, grace_until);
        let (successor, successor_seen, replaced) = (None, false, None);
        let mut tombstone = Tombstone {
            id,
            how,
            at: now,
            grace_until,
            expires_at,
            successor,
            successor_seen,
            replaced,
        };
        let place = self.tombstones.entry(token);
        if let Entry::Occupied(before) = &place {
            let before = before.get();
            self.tombstones_due.remove(&(before.expires_at, token));
            tombstone.expires_at = expires_at.max(before.expires_at);
            (tombstone.successor, tombstone.successor_seen) =
                (before.successor, before.successor_seen);
        }
        self.tombstones_due.insert((tombstone.expires_at, token));
        place.insert_entry(tombstone).into_mut()
    }

    pub(super) fn forget_tombstones(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < limit {
            match self.tombstones_due.first() {
                Some(&(at, token)) if at <= now => {
                    self.tombstones_due.pop_first();
                    self.tombstones.remove(&token);
                    forgotten += 1;
                }
                _ => break,
            }
        }
        forgotten
    }
}
