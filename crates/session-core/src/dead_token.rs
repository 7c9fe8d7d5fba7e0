//! What becomes of a request whose token is dead: the one rule of all laws on ended tokens (pure).
//!
//! A dead token is *followed* if its browser has, or is about to get, a newer cookie: a cookie that such
//! a request made would replace the newer one, so it makes none by itself. Every other dead token is a
//! visitor's: whoever was signed out elsewhere, or lost the answer that carried a new token, goes on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backend::EndedBy;
use crate::clock::Timestamp;

/// How long after its own browser ended it a token counts as followed: long enough for requests that
/// were sent before the answer came, short enough for one whose answer was lost.
const ANSWER_IS_ON_ITS_WAY: Duration = Duration::from_secs(10);

/// How far servers' clocks may be apart.
const CLOCKS_AGREE: Duration = Duration::from_secs(2);

/// How and when the session of a token ended: see [`Session::ended`](crate::Session::ended).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ended {
    /// How: [`Revoked`](EndedBy::Revoked) is "you were signed out on another device".
    pub how: EndedBy,
    /// When.
    pub at: Timestamp,
}

/// A dead token, as the backend knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeadToken {
    pub(crate) ended: Ended,
    /// Whether a token that was made from it has been presented.
    pub(crate) successor_seen: bool,
}

impl DeadToken {
    /// Whether its browser has a newer cookie, or is about to get one. `arrived`: when the request did.
    pub(crate) fn is_followed(&self, arrived: Timestamp) -> bool {
        let at = self.at(arrived);
        let by_its_own_browser = match self.ended.how {
            EndedBy::SignedOut | EndedBy::Replaced | EndedBy::Rotated => true,
            EndedBy::Revoked | EndedBy::Evicted => false,
        };
        self.successor_seen || (by_its_own_browser && arrived < at.plus(ANSWER_IS_ON_ITS_WAY))
    }

    /// Whether it ended so shortly before `now` that its browser may still send it.
    pub(crate) fn has_just_ended(&self, now: Timestamp) -> bool {
        now < self.at(now).plus(ANSWER_IS_ON_ITS_WAY)
    }

    /// Whether a server whose clock is wrong said when it ended.
    pub(crate) fn is_from_the_future(&self, now: Timestamp) -> bool {
        self.ended.at > now.plus(CLOCKS_AGREE)
    }

    /// When it ended. What lies in the future is as if it had ended now.
    fn at(&self, now: Timestamp) -> Timestamp {
        self.ended.at.min(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + millis * 1000)
    }

    /// The request arrives at 0.
    fn check(name: &str, how: EndedBy, ended: i64, successor_seen: bool, followed: bool) {
        let ended = Ended { how, at: at(ended) };
        let token = DeadToken { ended, successor_seen };
        assert_eq!(token.is_followed(at(0)), followed, "{name}");
    }

    #[test]
    fn the_one_rule() {
        use EndedBy::{Evicted, Replaced, Revoked, Rotated, SignedOut};
        check("signed out a moment ago: the answer is on its way", SignedOut, -1, false, true);
        check("signed out just within the time", SignedOut, -9_999, false, true);
        check("signed out 10 s ago: the answer was lost", SignedOut, -10_000, false, false);
        check("signed out while the request waited", SignedOut, 60_000, false, true);
        check("signed in a moment ago", Replaced, -9_999, false, true);
        check("a sign-in whose answer was lost", Replaced, -10_000, false, false);
        check("a sign-in whose token came back", Replaced, -200_000, true, true);
        check("re-authenticated a moment ago", Rotated, -1, false, true);
        check("a rotation whose grace is over, answer lost", Rotated, -10_000, false, false);
        check("a rotation whose token came back", Rotated, -10_000, true, true);
        check("revoked a moment ago", Revoked, -1, false, false);
        check("revoked while the request waited", Revoked, 1, false, false);
        check("revoked, and signed in again since", Revoked, -20_000, true, true);
        check("evicted a moment ago", Evicted, -1, false, false);
        check("evicted, and signed in again since", Evicted, -20_000, true, true);
    }

    #[test]
    fn an_end_in_the_future_counts_as_now() {
        let ends = |millis| DeadToken {
            ended: Ended { how: EndedBy::Rotated, at: at(millis) },
            successor_seen: false,
        };
        assert!(!ends(2_000).is_from_the_future(at(0)));
        assert!(ends(2_001).is_from_the_future(at(0)));
        assert!(ends(3_600_000).is_followed(at(0)) && ends(3_600_000).has_just_ended(at(0)));
        assert!(ends(-9_999).has_just_ended(at(0)) && !ends(-10_000).has_just_ended(at(0)));
    }
}
