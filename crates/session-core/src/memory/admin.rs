//! What administrators and jobs ask of the memory backend, and streams.

use std::collections::{BinaryHeap, HashSet};
use std::fmt::Write as _;

use super::state::State;
use super::stored::{Stored, live};
use super::tombstone::End;
use crate::backend::{EndedBatch, EndedBy, ExpiredSession, SessionCount};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::record::SessionData;

impl State {
    pub(super) fn get(&self, id: &SessionId, now: Timestamp) -> Option<SessionData> {
        self.live_by_id(id, now).map(|stored| (*stored.session).clone())
    }

    pub(super) fn live_among(&self, ids: &[SessionId], now: Timestamp) -> Vec<SessionId> {
        let is_live = |id: &&SessionId| self.live_by_id(id, now).is_some();
        let mut ids: Vec<_> = ids.iter().filter(is_live).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn count(&self, now: Timestamp) -> SessionCount {
        let sessions = self.sessions.iter().map(|stored| &*stored.session);
        let mut count = SessionCount::default();
        let mut users = HashSet::new();
        for session in sessions.filter(|session| live(session, now)) {
            count.live += 1;
            if let Some(user) = &session.user_id {
                count.signed_in += 1;
                count.users += u64::from(users.insert(user));
            }
        }
        count
    }

    /// Walks in the order of ids. The map has none, so each batch looks for the smallest that are left.
    pub(super) fn end_batch(
        &mut self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> EndedBatch {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let mut batch = BinaryHeap::new();
        let ids = self.sessions.iter().map(|stored| &stored.session.id);
        for id in ids.filter(|id| after.is_none_or(|after| *id > after)) {
            if batch.len() < limit {
                batch.push(*id);
            } else if let Some(mut largest) = batch.peek_mut()
                && id < &*largest
            {
                *largest = *id;
            }
        }
        let mut ended = batch.into_sorted_vec();
        let next = ended.last().filter(|_| ended.len() == limit).copied();
        ended.retain(|id| self.live_by_id(id, now).is_some());
        for id in &ended {
            self.end(id, End { how, by: None, successor: None, at: now });
        }
        EndedBatch { ended, next }
    }

    pub(super) fn dump(&self) -> String {
        let mut text = String::new();
        for stored in self.sessions.iter() {
            let (session, data) = (&stored.session, stored.session.data.to_json());
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:?} {session:?} {data}", stored.token.as_bytes());
        }
        for (token, tombstone) in &self.tombstones {
            let _ = write!(text, "{:?} {} {}", token.as_bytes(), tombstone.id, tombstone.how);
            let replaced = tombstone.replaced.as_deref();
            let _ = writeln!(text, "{:?}", replaced.map(|(user, data)| (user, data.to_json())));
        }
        text
    }
}

impl Stored {
    pub(super) fn expired(&self) -> ExpiredSession {
        ExpiredSession { id: self.session.id, user_id: self.session.user_id.clone() }
    }
}
