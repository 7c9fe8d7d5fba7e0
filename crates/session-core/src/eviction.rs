//! Which sessions of a user have to go when there are more than the cap allows: a pure function.

use std::num::NonZeroU32;

use crate::clock::Timestamp;
use crate::id::SessionId;

/// The ids to evict so that, with the newcomer, `cap` sessions are left: the least recently active,
/// ties the smallest id first.
///
/// `others` are the user's live sessions without the newcomer, each with its `last_active_at`. For
/// backends that hold records in memory; a database orders by itself.
#[must_use]
pub fn sessions_to_evict(
    mut others: Vec<(Timestamp, SessionId)>,
    cap: NonZeroU32,
) -> Vec<SessionId> {
    let room = usize::try_from(cap.get() - 1).unwrap_or(usize::MAX);
    let surplus = others.len().saturating_sub(room);
    if surplus == 0 {
        return Vec::new();
    }
    if surplus == 1 {
        return others.into_iter().min().map(|(_, id)| id).into_iter().collect();
    }
    others.sort_unstable();
    others.into_iter().take(surplus).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, others: &[(i64, u8)], cap: u32, expected: &[u8]) {
        let id = |n: u8| SessionId::from_bytes([n; 16]);
        let others = others.iter().map(|&(at, n)| (Timestamp::from_micros(at), id(n))).collect();
        let expected: Vec<_> = expected.iter().map(|&n| id(n)).collect();
        assert_eq!(sessions_to_evict(others, NonZeroU32::new(cap).unwrap()), expected, "{name}");
    }

    #[test]
    fn the_least_recently_active_go() {
        check("nobody there", &[], 1, &[]);
        check("room left", &[(1, 1)], 2, &[]);
        check("only the newcomer may stay", &[(1, 1), (2, 2)], 1, &[1, 2]);
        check("the oldest activity goes", &[(3, 1), (1, 2), (2, 3)], 3, &[2]);
        check("ties: the smallest id", &[(1, 3), (1, 1), (1, 2)], 3, &[1]);
        check("a lowered cap takes many", &[(4, 1), (3, 2), (2, 3), (1, 4)], 2, &[4, 3, 2]);
    }
}
