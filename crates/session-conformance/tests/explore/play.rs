//! One case along one schedule: two operations, polled by hand.

use std::collections::HashMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::StatusCode;
use session_core::{BackendErrorKind, Conclusion};

use crate::op::Op;
use crate::outcome::Outcome;
use crate::place::{Buffered, Place, Start};

/// The default of `backend_timeout_ms`, and a little more.
const LIMIT: Duration = Duration::from_millis(5001);

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// An operation begins.
    Begin(usize),
    /// A call to the backend leaves the gate at which it is.
    Pass(u64),
    /// It fails there: it never happens, or its answer is lost.
    Fail(u64),
    /// An operation's future is dropped.
    Drop(usize),
    /// An operation is polled no more.
    Hold(usize),
    /// The one that was held is polled again, to its end.
    Resume(usize),
}

/// What is done to one of the two, beside letting it run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    None,
    Drop(usize),
    Fail(usize),
    Hold(usize),
}

/// What an operation's future returns.
enum Answer {
    Said(String),
    Concluded(Conclusion),
}

type Acting = Pin<Box<dyn Future<Output = Answer>>>;

enum State {
    Waiting(Acting),
    Running(Acting),
    Held(Acting),
    Done(Option<String>),
    Dropped,
}

/// A case under way.
pub(crate) struct Play {
    place: Place,
    ops: [Op; 2],
    /// Which operation each call to the backend is of.
    owners: HashMap<u64, usize>,
    /// How many calls there were while the place was made.
    calls_before_the_case: u64,
    states: [State; 2],
    mishap: Mishap,
    /// Whether a call has failed: one does.
    has_failed: bool,
    conclusion: Option<Conclusion>,
    /// Whether the response's own future was dropped, so that nobody hears of it.
    response_dropped: bool,
}

impl Play {
    pub(crate) async fn new(
        start: Start,
        buffered: Buffered,
        ops: [Op; 2],
        mishap: Mishap,
    ) -> Self {
        let place = Place::at(start, buffered).await;
        let own = place.own_id();
        let states = ops.map(|op| {
            let (session, visit) = (place.session.clone(), place.visit.clone());
            let acting: Acting = Box::pin(async move {
                let Some(status) = op.ends_with() else {
                    return Answer::Said(op.act(session, own).await);
                };
                Answer::Concluded(match visit.finish_without_io(status) {
                    Some(conclusion) => conclusion,
                    None => visit.finish(status).await,
                })
            });
            State::Waiting(acting)
        });
        let calls_before_the_case = u64::from(place.backend.take_calls().total());
        let owners = HashMap::new();
        let (conclusion, response_dropped) = (None, false);
        Self {
            place,
            ops,
            owners,
            calls_before_the_case,
            states,
            mishap,
            has_failed: false,
            conclusion,
            response_dropped,
        }
    }

    /// What can happen next. Empty: it is over.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (at, state) in self.states.iter().enumerate() {
            match state {
                State::Waiting(_) => steps.push(Step::Begin(at)),
                State::Running(_) if self.mishap == Mishap::Drop(at) => steps.push(Step::Drop(at)),
                State::Running(_) if self.mishap == Mishap::Hold(at) => steps.push(Step::Hold(at)),
                _ => {}
            }
        }
        // A call inside a future that is held goes nowhere.
        let held = self.states.iter().any(|state| matches!(state, State::Held(_)));
        for number in self.moving() {
            steps.push(Step::Pass(number));
            let owner = self.owners[&number];
            if self.mishap == Mishap::Fail(owner) && !self.has_failed {
                steps.push(Step::Fail(number));
            }
        }
        if steps.is_empty() && held {
            let at = self.states.iter().position(|state| matches!(state, State::Held(_)));
            let at = at.expect("one is held");
            steps.extend([Step::Drop(at), Step::Resume(at)]);
        }
        steps
    }

    /// Whether what was to go wrong has gone wrong, and so this is a case of its own.
    pub(crate) fn counts(&self, took: &[Step]) -> bool {
        match self.mishap {
            Mishap::None => true,
            Mishap::Drop(at) => took.contains(&Step::Drop(at)),
            Mishap::Fail(_) => took.iter().any(|step| matches!(step, Step::Fail(_))),
            Mishap::Hold(at) => took.contains(&Step::Hold(at)),
        }
    }

    pub(crate) async fn take(&mut self, step: Step) {
        match step {
            Step::Begin(at) => self.change(at, |state| match state {
                State::Waiting(acting) => State::Running(acting),
                other => other,
            }),
            Step::Pass(number) => assert!(self.place.backend.pass(number), "call {number} waits"),
            Step::Fail(number) => {
                self.has_failed = true;
                let kind = BackendErrorKind::Unavailable;
                assert!(self.place.backend.refuse(number, kind), "call {number} waits");
            }
            Step::Drop(at) => {
                self.response_dropped |= self.ops[at].ends_with().is_some();
                self.change(at, |_| State::Dropped);
            }
            Step::Hold(at) => self.change(at, |state| match state {
                State::Running(acting) => State::Held(acting),
                other => other,
            }),
            Step::Resume(at) => {
                self.change(at, |state| match state {
                    State::Held(acting) => State::Running(acting),
                    other => other,
                });
                self.place.backend.open();
            }
        }
        self.settle().await;
    }

    fn change(&mut self, at: usize, change: impl FnOnce(State) -> State) {
        let state = std::mem::replace(&mut self.states[at], State::Dropped);
        self.states[at] = change(state);
    }

    /// Polls what runs until nothing moves any more.
    async fn settle(&mut self) {
        self.poll_all();
        let is_stuck = |play: &Self| {
            let held = play.states.iter().any(|state| matches!(state, State::Held(_)));
            let runs = play.states.iter().any(|state| matches!(state, State::Running(_)));
            held && runs && play.moving().is_empty()
        };
        if is_stuck(self) {
            // It waits for its turn, and the one before is held: this long, and no longer.
            tokio::time::advance(LIMIT).await;
            self.poll_all();
            assert!(!is_stuck(self), "an operation waits for ever behind one that is held");
        }
    }

    fn poll_all(&mut self) {
        loop {
            let before = self.place.backend.waiting();
            let mut is_done = false;
            for at in 0..2 {
                is_done |= self.poll(at);
            }
            if !is_done && self.place.backend.waiting() == before {
                return;
            }
        }
    }

    /// Whether it came to its end.
    fn poll(&mut self, at: usize) -> bool {
        let State::Running(acting) = &mut self.states[at] else { return false };
        let calls_before = self.place.backend.calls().total();
        let polled = acting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        for number in calls_before..self.place.backend.calls().total() {
            // Counted from one, in the order in which they begin.
            self.owners.insert(self.calls_before_the_case + u64::from(number) + 1, at);
        }
        let Poll::Ready(answer) = polled else { return false };
        self.states[at] = State::Done(match answer {
            Answer::Said(said) => Some(said),
            Answer::Concluded(conclusion) => {
                self.conclusion = Some(conclusion);
                None
            }
        });
        true
    }

    /// The calls that can go on: not those inside of a future that is held.
    fn moving(&self) -> Vec<u64> {
        let waiting = self.place.backend.waiting().into_iter().map(|call| call.number);
        let goes = |number: &u64| {
            let owner = self.owners.get(number).expect("every call is somebody's");
            matches!(self.states[*owner], State::Running(_))
        };
        waiting.filter(goes).collect()
    }

    /// Lets the rest happen, ends the request if it has not ended, and says what came of it all.
    pub(crate) async fn outcome(mut self) -> Outcome {
        self.place.backend.open();
        self.settle().await;
        let results = std::mem::replace(&mut self.states, [State::Dropped, State::Dropped]);
        let results = results.map(|state| match state {
            State::Done(said) => said,
            State::Dropped | State::Waiting(_) => None,
            State::Running(_) | State::Held(_) => panic!("an operation did not come to its end"),
        });
        if self.conclusion.is_none() && !self.response_dropped {
            self.conclusion = Some(self.place.visit.finish(StatusCode::OK).await);
        }
        // Whatever asks next learns what became of a future that was dropped. This changes nothing else.
        let _ = self.place.session.list().await;
        Outcome::of(&self.place, results, self.conclusion).await
    }

    /// Some of the operations one after the other, in this order.
    pub(crate) async fn one_after_the_other(
        start: Start,
        buffered: Buffered,
        ops: [Op; 2],
        order: &[usize],
    ) -> Outcome {
        let mut play = Self::new(start, buffered, ops, Mishap::None).await;
        for at in order {
            play.take(Step::Begin(*at)).await;
            play.let_run().await;
        }
        play.outcome().await
    }

    /// The same for a request that is gone: nobody hears its response.
    pub(crate) async fn without_response(
        start: Start,
        buffered: Buffered,
        ops: [Op; 2],
        order: &[usize],
    ) -> Outcome {
        let mut play = Self::new(start, buffered, ops, Mishap::None).await;
        play.response_dropped = true;
        for at in order {
            play.take(Step::Begin(*at)).await;
            play.let_run().await;
        }
        play.outcome().await
    }

    /// The same, but that the first of the order is dropped when it has passed so many gates. `None`: it
    /// came to its end before.
    pub(crate) async fn with_one_dropped(
        start: Start,
        buffered: Buffered,
        ops: [Op; 2],
        order: &[usize],
        dropped: usize,
        gates: usize,
    ) -> Option<Outcome> {
        let mut play = Self::new(start, buffered, ops, Mishap::Drop(dropped)).await;
        for at in order {
            play.take(Step::Begin(*at)).await;
            if *at != dropped {
                play.let_run().await;
                continue;
            }
            for _ in 0..gates {
                let next = play.moving().first().copied()?;
                play.take(Step::Pass(next)).await;
            }
            if !matches!(play.states[*at], State::Running(_)) {
                return None;
            }
            play.take(Step::Drop(*at)).await;
        }
        Some(play.outcome().await)
    }

    async fn let_run(&mut self) {
        while let Some(number) = self.moving().first().copied() {
            self.take(Step::Pass(number)).await;
        }
    }
}
