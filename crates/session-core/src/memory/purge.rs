//! One batch of a purge.

use std::collections::BTreeSet;

use super::state::{IdBytes, State};
use crate::backend::{PurgeReport, Purged};
use crate::clock::Timestamp;
use crate::id::SessionId;

impl State {
    pub(super) fn purge_expired(
        &mut self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Purged {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let looked_at = |due: &BTreeSet<(Timestamp, IdBytes)>| {
            due.iter().take_while(|(at, _)| *at <= now).take(limit).copied().collect::<Vec<_>>()
        };
        let batch = looked_at(&self.due);
        let (mut removed, mut expired) = (0, Vec::new());
        for (at, bytes) in &batch {
            let id = &SessionId::from_bytes(*bytes);
            match self.live_by_id(id, now).map(|stored| stored.session.expires_at) {
                Some(renewed) => {
                    self.due.remove(&(*at, *bytes));
                    self.due.insert((renewed, *bytes));
                    if let Some(stored) = self.sessions.by_id_mut(id) {
                        stored.purge_after = renewed;
                    }
                }
                None => {
                    let gone = self.delete(id);
                    removed += 1;
                    if report == PurgeReport::Sessions {
                        expired.extend(gone.map(|stored| stored.expired()));
                    }
                }
            }
        }
        let forgotten = self.forget_tombstones(now, limit);
        Purged { removed, more: batch.len() == limit || forgotten == limit, expired }
    }
}
