//! What administrators and jobs are answered, and what streams ask.

use crate::id::{SessionId, UserId};

/// How many ids [`SessionBackend::live`](crate::SessionBackend::live) is asked for at once, at most.
pub const MAX_LIVE_IDS: usize = 1000;

/// How many live sessions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SessionCount {
    /// All of them, signed in and anonymous.
    pub live: u64,
    /// Those of a user: who has two devices counts twice.
    pub signed_in: u64,
    /// How many users these are of: who has two devices counts once.
    pub users: u64,
}

/// What one batch of [`SessionBackend::end_all`](crate::SessionBackend::end_all) did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndedBatch {
    /// The sessions that were live, and ended, in the order of their ids.
    pub ended: Vec<SessionId>,
    /// After which the next batch begins; `None` if there is nothing behind it.
    pub next: Option<SessionId>,
}

/// What a purge says of the sessions that it deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PurgeReport {
    /// How many there were.
    #[default]
    Count,
    /// Also which, and whose: [`Purged::expired`](crate::Purged::expired).
    Sessions,
}

/// An expired session that a purge deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExpiredSession {
    /// Its id.
    pub id: SessionId,
    /// Whose it was, if it was a user's.
    pub user_id: Option<UserId>,
}
