//! The sessions themselves, in one place, and two indexes of it that hold nothing but numbers.
//!
//! A map has room for up to twice as many entries as it holds, so what is large lies outside of it: a vector has
//! the sessions, and each index takes five bytes for an entry.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;

use super::hashing::{FirstBytes, Folded};
use super::stored::Stored;
use crate::id::SessionId;
use crate::token::TokenHash;

/// As many as its numbers can name.
pub(super) const MOST: usize = u32::MAX as usize;

#[derive(Default)]
pub(super) struct Sessions {
    places: Vec<Option<Stored>>,
    /// Places that are free again.
    free: Vec<u32>,
    /// By the hash of the current token, so that the request path is one look-up.
    by_token: HashTable<u32>,
    by_id: HashTable<u32>,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// By the hash of its current token.
    pub(super) fn get(&self, token: &TokenHash) -> Option<&Stored> {
        self.at(*self.by_token.find(hash_of_token(token), |place| self.has_token(*place, token))?)
    }

    pub(super) fn get_mut(&mut self, token: &TokenHash) -> Option<&mut Stored> {
        let found = |place: &u32| self.has_token(*place, token);
        let place = *self.by_token.find(hash_of_token(token), found)?;
        self.at_mut(place)
    }

    pub(super) fn by_id(&self, id: &SessionId) -> Option<&Stored> {
        self.at(*self.by_id.find(hash_of_id(id), |place| self.has_id(*place, id))?)
    }

    pub(super) fn by_id_mut(&mut self, id: &SessionId) -> Option<&mut Stored> {
        let place = *self.by_id.find(hash_of_id(id), |place| self.has_id(*place, id))?;
        self.at_mut(place)
    }

    /// Takes in one whose id and token are not in use. Whoever calls keeps to [`MOST`].
    pub(super) fn insert(&mut self, stored: Stored) {
        let (token, id) = (hash_of_token(&stored.token), hash_of_id(&stored.session.id));
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.places.push(None);
                u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(free) = self.places.get_mut(index(place)) {
            *free = Some(stored);
        }
        let Self { places, by_token, by_id, .. } = self;
        by_token.insert_unique(token, place, |place| {
            rehash(places, *place, |stored| hash_of_token(&stored.token))
        });
        by_id.insert_unique(id, place, |place| {
            rehash(places, *place, |stored| hash_of_id(&stored.session.id))
        });
    }

    pub(super) fn remove(&mut self, id: &SessionId) -> Option<Stored> {
        let found = |place: &u32| has_id(&self.places, *place, id);
        let place = take(&mut self.by_id, hash_of_id(id), found)?;
        let stored = self.places.get_mut(index(place))?.take()?;
        take(&mut self.by_token, hash_of_token(&stored.token), |other| *other == place);
        self.free.push(place);
        Some(stored)
    }

    /// Gives a session another token.
    pub(super) fn rename(&mut self, id: &SessionId, token: TokenHash) {
        let found = |place: &u32| has_id(&self.places, *place, id);
        let Some(place) = self.by_id.find(hash_of_id(id), found).copied() else { return };
        let Some(stored) = self.at_mut(place) else { return };
        let before = std::mem::replace(&mut stored.token, token);
        let Self { places, by_token, .. } = self;
        take(by_token, hash_of_token(&before), |other| *other == place);
        by_token.insert_unique(hash_of_token(&token), place, |place| {
            rehash(places, *place, |stored| hash_of_token(&stored.token))
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stored> {
        self.places.iter().flatten()
    }

    fn at(&self, place: u32) -> Option<&Stored> {
        self.places.get(index(place))?.as_ref()
    }

    fn at_mut(&mut self, place: u32) -> Option<&mut Stored> {
        self.places.get_mut(index(place))?.as_mut()
    }

    fn has_token(&self, place: u32, token: &TokenHash) -> bool {
        self.at(place).is_some_and(|stored| stored.token == *token)
    }

    fn has_id(&self, place: u32, id: &SessionId) -> bool {
        has_id(&self.places, place, id)
    }
}

fn has_id(places: &[Option<Stored>], place: u32, id: &SessionId) -> bool {
    let stored = places.get(index(place)).and_then(Option::as_ref);
    stored.is_some_and(|stored| stored.session.id == *id)
}

const fn index(place: u32) -> usize {
    place as usize
}

/// Takes an entry out of an index; returns it.
fn take(table: &mut HashTable<u32>, hash: u64, is_it: impl FnMut(&u32) -> bool) -> Option<u32> {
    table.find_entry(hash, is_it).ok().map(|entry| entry.remove().0)
}

/// For an index that grows. A place in it always has a session.
fn rehash(places: &[Option<Stored>], place: u32, hash: impl Fn(&Stored) -> u64) -> u64 {
    places.get(index(place)).and_then(Option::as_ref).map_or(0, hash)
}

fn hash_of_token(token: &TokenHash) -> u64 {
    let mut hasher = FirstBytes::default();
    token.hash(&mut hasher);
    hasher.finish()
}

fn hash_of_id(id: &SessionId) -> u64 {
    let mut hasher = Folded::default();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Timestamp;
    use crate::testing;
    use crate::token::SessionToken;

    fn stored() -> Stored {
        let session = Arc::new(testing::record(Timestamp::UNIX_EPOCH));
        let token = SessionToken::generate().unwrap().hash();
        let purge_after = session.expires_at;
        Stored { token, session, token_seen: false, purge_after, linked: None }
    }

    #[test]
    fn is_found_by_both_names_until_it_is_gone() {
        let mut sessions = Sessions::default();
        let mut known = Vec::new();
        for _ in 0..1000 {
            let stored = stored();
            known.push((stored.token, stored.session.id));
            sessions.insert(stored);
        }
        let (gone, stays) = known.split_at(500);
        for (_, id) in gone {
            assert!(sessions.remove(id).is_some_and(|stored| stored.session.id == *id));
            assert!(sessions.remove(id).is_none());
        }
        for (token, id) in gone {
            assert!(sessions.get(token).is_none() && sessions.by_id(id).is_none());
        }
        for (token, id) in stays {
            assert_eq!(sessions.get(token).unwrap().session.id, *id);
            assert_eq!(sessions.by_id(id).unwrap().token, *token);
        }
        assert_eq!((sessions.len(), sessions.iter().count()), (500, 500));
        // Free places are used again.
        for _ in 0..500 {
            sessions.insert(stored());
        }
        assert_eq!((sessions.len(), sessions.places.len()), (1000, 1000));
    }

    #[test]
    fn goes_by_its_new_token() {
        let mut sessions = Sessions::default();
        let first = stored();
        let (before, id) = (first.token, first.session.id);
        sessions.insert(first);
        let after = SessionToken::generate().unwrap().hash();
        sessions.rename(&id, after);
        assert!(sessions.get(&before).is_none());
        assert_eq!(sessions.get_mut(&after).unwrap().session.id, id);
        assert_eq!(sessions.by_id_mut(&id).unwrap().token, after);
        assert_eq!(sessions.len(), 1);
    }
}
