//! Ending tokens: those of a session that ends, and one that rotates away.

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
        let ids: Vec<_> = self.users.get(user).into_iter().flatten().copied().collect();
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

    /// Ends a session and all its tokens; returns these.
    pub(super) fn end(&mut self, id: &SessionId, end: End<'_>) -> Vec<TokenHash> {
        let Some((token, stored)) = self.delete(id) else { return Vec::new() };
        let mut tokens = stored.earlier;
        // What is forgotten already is not brought back.
        tokens.retain(|hash| self.tombstones.get(hash).is_some_and(|t| t.expires_at > end.at));
        tokens.push(token);
        for hash in &tokens {
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
                tombstone.replaced = heir.map(|user| (user.clone(), stored.session.data.clone()));
            }
        }
        tokens
    }

    /// The browser has the current token, and so whatever came before it is followed.
    pub(super) fn mark_seen(&mut self, current: &TokenHash) {
        let Some(stored) = self.sessions.get_mut(current) else { return };
        stored.token_seen = true;
        let id = stored.session.id;
        let predecessors = std::mem::take(&mut stored.predecessors);
        for hash in &predecessors {
            if let Some(tombstone) = self.tombstones.get_mut(hash)
                && tombstone.successor == Some(id)
            {
                tombstone.successor_seen = true;
            }
        }
        for hash in &stored.earlier {
            if let Some(tombstone) = self.tombstones.get_mut(hash) {
                tombstone.successor_seen = true;
            }
        }
    }

    pub(super) fn rotate(&mut self, current: TokenHash, rotation: &Rotation, now: Timestamp) {
        let Some(mut stored) = self.sessions.remove(&current) else { return };
        let id = stored.session.id;
        stored.token_seen = false;
        stored.earlier.retain(|token| self.tombstones.contains_key(token));
        // How many stay in grace beside the one that gets it now.
        let mut graces = match rotation {
            Rotation::Graceful { .. } => MAX_GRACES - 1,
            Rotation::Immediate { .. } => 0,
        };
        for token in stored.earlier.iter().rev() {
            if let Some(tombstone) = self.tombstones.get_mut(token)
                && tombstone.grace_until.is_some_and(|until| until > now)
            {
                match graces.checked_sub(1) {
                    Some(left) => graces = left,
                    None => (tombstone.grace_until, tombstone.at) = (None, now),
                }
            }
        }
        stored.earlier.push(current);
        self.bury(current, id, EndedBy::Rotated, rotation.grace_until(), now);
        self.tokens.insert(id, *rotation.token());
        self.sessions.insert(*rotation.token(), stored);
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
        let mut expires_at = tombstone_expiry(now, grace_until);
        let (mut successor, mut successor_seen) = (None, false);
        if let Some(before) = self.tombstones.get(&token) {
            self.tombstones_due.remove(&(before.expires_at, token));
            expires_at = expires_at.max(before.expires_at);
            (successor, successor_seen) = (before.successor, before.successor_seen);
        }
        self.tombstones_due.insert((expires_at, token));
        let replaced = None;
        let tombstone = Tombstone {
            id,
            how,
            at: now,
            grace_until,
            expires_at,
            successor,
            successor_seen,
            replaced,
        };
        self.tombstones.entry(token).insert_entry(tombstone).into_mut()
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
