//! All schedules of a case, held against the orders one after the other.

use std::fmt;
use std::ops::AddAssign;

use session_core::ErrorKind;

use crate::op::Op;
use crate::outcome::Outcome;
use crate::place::{Buffered, Start};
use crate::play::{Mishap, Play, Step};

/// Two operations from one start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) start: Start,
    /// What the request has written that is not saved yet.
    pub(crate) buffered: Buffered,
    pub(crate) ops: [Op; 2],
}

/// How much was tried.
#[derive(Debug, Default)]
pub(crate) struct Explored {
    pub(crate) cases: usize,
    /// Orders in which both came to their end.
    pub(crate) whole: usize,
    pub(crate) dropped: usize,
    pub(crate) failed: usize,
    pub(crate) held: usize,
}

impl AddAssign for Explored {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.whole += other.whole;
        self.dropped += other.dropped;
        self.failed += other.failed;
        self.held += other.held;
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} interleavings of {} pairs ({} whole, {} with one dropped, {} with a call that failed, \
             {} with one held)",
            self.whole + self.dropped + self.failed + self.held,
            self.cases,
            self.whole,
            self.dropped,
            self.failed,
            self.held
        )
    }
}

/// A schedule: which of the possible steps was taken at each turn of the road.
#[derive(Default)]
struct Road {
    /// The choice, and how many there were.
    turns: Vec<(usize, usize)>,
}

impl Road {
    /// The next road that was not taken yet.
    fn next(mut self) -> Option<Self> {
        while let Some((taken, of)) = self.turns.pop() {
            if taken + 1 < of {
                self.turns.push((taken + 1, of));
                return Some(self);
            }
        }
        None
    }
}

impl Case {
    /// Goes along every schedule.
    ///
    /// # Panics
    /// If one of them leads where neither order one after the other leads.
    pub(crate) async fn judge(self) -> Explored {
        let mut explored = Explored { cases: 1, ..Explored::default() };
        let each = |at| [Mishap::Drop(at), Mishap::Fail(at), Mishap::Hold(at)];
        for mishap in std::iter::once(Mishap::None).chain(each(0)).chain(each(1)) {
            if matches!(mishap, Mishap::Fail(at) if self.ops[at].ends_with().is_some()) {
                // A response whose own call failed says so, and nothing comes after it.
                continue;
            }
            let allowed = self.allowed(mishap).await;
            let mut road = Some(Road::default());
            while let Some(mut taken) = road {
                let (outcome, steps) = self.go(mishap, &mut taken).await;
                if let Some(outcome) = outcome {
                    self.check(mishap, &steps, &outcome, &allowed);
                    match mishap {
                        Mishap::None => explored.whole += 1,
                        Mishap::Drop(_) => explored.dropped += 1,
                        Mishap::Fail(_) => explored.failed += 1,
                        Mishap::Hold(_) => explored.held += 1,
                    }
                }
                road = taken.next();
            }
        }
        explored
    }

    async fn go(self, mishap: Mishap, road: &mut Road) -> (Option<Outcome>, Vec<Step>) {
        let mut play = Play::new(self.start, self.buffered, self.ops, mishap).await;
        let mut taken = Vec::new();
        loop {
            let steps = play.steps();
            if steps.is_empty() {
                break;
            }
            let turn = taken.len();
            if turn == road.turns.len() {
                road.turns.push((0, steps.len()));
            }
            let (choice, of) = road.turns[turn];
            assert_eq!(of, steps.len(), "{self:?}: the same road is the same: {taken:?}");
            play.take(steps[choice]).await;
            taken.push(steps[choice]);
        }
        let outcome = if play.counts(&taken) { Some(play.outcome().await) } else { None };
        (outcome, taken)
    }

    async fn serial(self, order: &[usize]) -> Outcome {
        Play::one_after_the_other(self.start, self.buffered, self.ops, order).await
    }

    /// Everything that may come of it.
    async fn allowed(self, mishap: Mishap) -> Allowed {
        let both = vec![self.serial(&[0, 1]).await, self.serial(&[1, 0]).await];
        let (Mishap::Drop(at) | Mishap::Fail(at) | Mishap::Hold(at)) = mishap else {
            return Allowed { both, ..Allowed::default() };
        };
        let other = 1 - at;
        let mut allowed = Allowed { both, ..Allowed::default() };
        if self.ops[at].ends_with().is_some() {
            // Nobody hears the response of a request that is gone; what was decided stays so.
            let (start, buffered, ops) = (self.start, self.buffered, self.ops);
            let alone = Play::without_response(start, buffered, ops, &[other]).await;
            allowed.dropped.push(alone);
            let nothing = Play::without_response(start, buffered, ops, &[]).await;
            allowed.alone_dropped.push(nothing);
            for gates in 0.. {
                let dropped = async |order: &[usize]| {
                    Play::with_one_dropped(start, buffered, ops, order, at, gates).await
                };
                let before = dropped(&[at, other]).await;
                let after = dropped(&[other, at]).await;
                let alone = dropped(&[at]).await;
                if before.is_none() && after.is_none() && alone.is_none() {
                    break;
                }
                allowed.dropped.extend(before.into_iter().chain(after));
                allowed.alone_dropped.extend(alone);
            }
        } else {
            // It happened, or it did not.
            allowed.dropped.push(self.serial(&[other]).await);
            allowed.dropped.extend(allowed.both.iter().map(|both| both.without_result(at)));
            allowed.alone_dropped.push(self.serial(&[]).await);
            allowed.alone_dropped.push(self.serial(&[at]).await.without_result(at));
        }
        allowed.alone.push(self.serial(&[at]).await);
        allowed
    }

    fn check(self, mishap: Mishap, steps: &[Step], outcome: &Outcome, allowed: &Allowed) {
        let complain = |what: &str, among: &[Outcome]| -> ! {
            let mut text = format!("{self:?}, {mishap:?}: {what}\n{steps:?}\n got {outcome:#?}\n");
            for one in among {
                text.push_str(&format!(" may {one:#?}\n"));
            }
            panic!("{text}");
        };
        // Whatever else: what the request made is what its cookie stands for.
        let hears = outcome.response.is_some();
        let resumed = steps.iter().any(|step| matches!(step, Step::Resume(_)));
        let gave_up = outcome.gave_up();
        // The last word was "out", and it failed: a token that the browser has not is not handed out.
        let stays_out = [0, 1].iter().any(|at| self.ops[*at].signs_out() && gave_up.results[*at]);
        if hears
            && !stays_out
            && (outcome.made > 1 || (outcome.unreachable > 0 && (!gave_up.response || resumed)))
        {
            complain("the request left a session that nobody can reach", &[]);
        }
        let is_cut_short = mishap != Mishap::None;
        let writes = self.ops.iter().any(|op| op.only_writes());
        if is_cut_short && writes && gave_up.response && self.ops.contains(&Op::SwitchUser) {
            // What was written for the user before is not stored for another one, and that is said.
            return;
        }
        if let Mishap::Drop(at) | Mishap::Fail(at) | Mishap::Hold(at) = mishap
            && self.start.ends_several()
            && self.ops[at].ends_what_was_presented()
        {
            // It looks up and ends what the request presented one by one, and may have ended a part.
            return;
        }
        let (among, ignored) = match mishap {
            Mishap::None => (&allowed.both, None),
            Mishap::Drop(_) => (&allowed.dropped, None),
            // It happened, or it did not, or it met what another one had done and says so.
            Mishap::Fail(at) if gave_up.results[at] => (&allowed.dropped, Some(at)),
            Mishap::Fail(_) => (&allowed.both, None),
            Mishap::Hold(at) => {
                let other = 1 - at;
                let waited_in_vain = gave_up.response || self.ops[other] == Op::FinishFailed;
                if waited_in_vain && self.ops[other].ends_with().is_some() {
                    // The response said that it does not know, which is all that it may say; a server
                    // error is one already.
                    return;
                }
                match (gave_up.results[other], resumed) {
                    (false, false) => (&allowed.dropped, None),
                    (false, true) => (&allowed.both, None),
                    (true, false) => (&allowed.alone_dropped, Some(other)),
                    (true, true) => (&allowed.alone, Some(other)),
                }
            }
        };
        let found = match ignored {
            Some(at) => outcome.without_result(at),
            None => outcome.clone(),
        };
        // A server error that came of a failed call does not ask again what was stored, and whether the
        // expiry slid.
        let fails_twice = matches!(mishap, Mishap::Fail(_)) && self.ops.contains(&Op::FinishFailed);
        let is_allowed = |may: &Outcome| match (&found.response, &may.response) {
            (Some(response), Some(theirs))
                if response.cookie == "none"
                    && (stays_out
                        || (fails_twice && theirs.cookie.starts_with("the same token"))) =>
            {
                let without = |outcome: &Outcome| {
                    let mut outcome = outcome.clone();
                    outcome.response = None;
                    outcome.unreachable = 0;
                    if fails_twice {
                        outcome.read.clear();
                    }
                    outcome
                };
                without(&found) == without(may)
            }
            _ => found == *may,
        };
        if !among.iter().any(is_allowed) {
            complain("it ends as no order one after the other would", among);
        }
    }
}

#[derive(Default)]
struct Allowed {
    /// Both came to their end.
    both: Vec<Outcome>,
    /// One was dropped: it happened or not.
    dropped: Vec<Outcome>,
    /// The other one gave up, and this one came to its end.
    alone: Vec<Outcome>,
    /// The other one gave up, and this one was dropped.
    alone_dropped: Vec<Outcome>,
}

/// Who said that they do not know.
struct GaveUp {
    results: [bool; 2],
    response: bool,
}

impl Outcome {
    fn without_result(&self, at: usize) -> Self {
        let mut outcome = self.clone();
        outcome.results[at] = None;
        outcome
    }

    fn gave_up(&self) -> GaveUp {
        let unavailable = format!("Err({:?})", ErrorKind::Unavailable);
        let results = [0, 1].map(|at| self.results[at].as_ref() == Some(&unavailable));
        let error = self.response.as_ref().and_then(|response| response.error);
        GaveUp { results, response: error == Some(ErrorKind::Unavailable) }
    }
}
