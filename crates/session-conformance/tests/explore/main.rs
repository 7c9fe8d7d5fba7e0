//! Every interleaving of two operations on one request's session: law `handle_operations_serialise`,
//! and with it `one_request_one_session`.
//!
//! For each start (a visitor, a signed-in user, a token that has ended, …) and each pair of operations,
//! every order is tried in which the two can begin, and in which their calls to the backend can be made
//! and be answered. Each order is tried once to its end, once with either operation dropped wherever it
//! waits, once with a call of either failing (before it happened, or its answer lost), and once with
//! either kept and polled no more. What comes of it must be what comes of the two one after the other, in
//! one order or the other.
//!
//! - [`op`]: what may be done to a session.
//! - [`place`]: where a request begins, on a backend whose calls stop at gates.
//! - [`play`]: one case along one schedule.
//! - [`outcome`]: what came of it, in words that do not depend on chance.
//! - [`judge`]: all schedules of a case, held against the orders one after the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod judge;
mod op;
mod outcome;
mod place;
mod play;

use judge::Explored;
use op::Op;
use place::{Buffered, Start};

/// Explores every pair from one start.
fn explore(start: Start) {
    // One thread, so that a case is its schedule and nothing else; a clock that stands still, so that a
    // limit in time is reached by saying so.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut explored = Explored::default();
    runtime.block_on(async {
        for (at, first) in Op::ALL.iter().enumerate() {
            for second in &Op::ALL[at..] {
                if first.only_writes() && second.only_writes()
                    || first.ends_with().is_some()
                        && second.ends_with().is_some()
                        && first != second
                {
                    // Nothing waits; and no request ends in two ways.
                    continue;
                }
                for buffered in [Buffered::Nothing, Buffered::Value, Buffered::Cleared] {
                    let writes = first.only_writes() || second.only_writes();
                    // Refused at once, so that nothing is ever buffered.
                    let refuses = matches!(start, Start::Followed | Start::Ambiguous);
                    if buffered != Buffered::Nothing && refuses {
                        continue;
                    }
                    if buffered == Buffered::Cleared && !writes {
                        // Tells nothing new of the others.
                        continue;
                    }
                    let case = judge::Case { start, buffered, ops: [*first, *second] };
                    explored += case.judge().await;
                }
            }
        }
    });
    println!("explored from {start:?}: {explored}");
    assert!(
        explored.cases > 0 && explored.dropped > 0 && explored.failed > 0 && explored.held > 0,
        "{explored}"
    );
}

#[test]
fn from_a_visitor() {
    explore(Start::Visitor);
}

#[test]
fn from_a_followed_token() {
    explore(Start::Followed);
}

#[test]
fn from_an_anonymous_session() {
    explore(Start::Anonymous);
}

#[test]
fn from_a_signed_in_session() {
    explore(Start::SignedIn);
}

#[test]
fn from_a_token_in_grace() {
    explore(Start::InGrace);
}

#[test]
fn from_an_ended_token() {
    explore(Start::Ended);
}

#[test]
fn from_an_ambiguous_request() {
    explore(Start::Ambiguous);
}
