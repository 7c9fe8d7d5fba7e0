//! Whose turn it is: what awaits the database on one handle goes one after the other.
//!
//! Law `handle_operations_serialise`. Clones of a handle may call operations at the same moment. Each
//! waits for its turn, sees what the one before left, and gives the turn back when it ends, when it is
//! dropped, or when it panics. Nobody else waits: a turn is one request's.
//!
//! - While a turn is held no code of the application runs, except for its [`Clock`](crate::Clock):
//!   closures and `Serialize` run before it, the event hook after it.
//! - Who came first goes first, so that one that asks again and again keeps nobody waiting; the response
//!   goes before all.
//! - A future that holds the turn and is not polled any more would stop all others for ever, so they
//!   wait at most `backend_timeout_ms` for each turn. Without the feature `tokio` there is no limit.
//! - A future that waits and is not polled any more is passed by.

use std::task::Poll;

use super::{Session, State};
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::id::{SessionId, UserId};
use crate::record::SessionData;

/// Who holds the turn, and who waits. A part of the handle's state, under its mutex.
#[derive(Default)]
pub(super) struct Line {
    is_taken: bool,
    /// Whether the response waits, before which nobody else begins.
    response_waits: bool,
    /// Made when somebody has to wait, which is rare: most requests would carry room for nothing.
    queue: Option<Box<Queue>>,
}

/// Those who wait.
#[derive(Default)]
struct Queue {
    /// By their tickets, the first to come first.
    waiting: Vec<u32>,
    next_ticket: u32,
    /// How often the turn was given back meanwhile.
    releases: u32,
}

/// Who asks for a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// An operation of the application's.
    Operation,
    /// The end of the request.
    Response,
}

impl Line {
    /// Whether nobody has the turn, and the response does not go before this one.
    const fn is_free_for(&self, who: Who) -> bool {
        !self.is_taken && (matches!(who, Who::Response) || !self.response_waits)
    }

    /// Whether one who has just come may go at once: nobody stands in the line, or it is the response.
    pub(super) const fn is_open_for(&self, who: Who) -> bool {
        self.is_free_for(who) && (matches!(who, Who::Response) || !self.has_waiting())
    }

    const fn has_waiting(&self) -> bool {
        match &self.queue {
            Some(queue) => !queue.waiting.is_empty(),
            None => false,
        }
    }

    fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_default()
    }
}

/// The turn. While there is one, nobody else changes what the handle knows of its session; the
/// buffer may be written at any time.
pub(super) struct Turn<'s> {
    session: &'s Session,
    who: Who,
    /// Whether there was a call whose answer was not known when the turn began.
    finds_unanswered: bool,
    /// Told when the turn is over, because the hook is the application's code.
    told: Vec<Told>,
}

/// Something that happened: an event that is still to be told.
pub(super) struct Told {
    pub(super) kind: EventKind,
    pub(super) id: Option<SessionId>,
    pub(super) user: Option<UserId>,
}

impl Told {
    pub(super) fn of(kind: EventKind, session: &SessionData) -> Self {
        Self { kind, id: Some(session.id), user: session.user_id.clone() }
    }
}

impl<'s> Turn<'s> {
    /// The turn, which nobody has.
    const fn take(session: &'s Session, state: &mut State, who: Who) -> Self {
        let finds_unanswered = state.unanswered.is_some();
        state.line.is_taken = true;
        Self { session, who, finds_unanswered, told: Vec::new() }
    }

    pub(super) const fn finds_unanswered(&self) -> bool {
        self.finds_unanswered
    }

    /// Whether it is the response's own.
    pub(super) fn is_the_response(&self) -> bool {
        self.who == Who::Response
    }

    pub(super) fn tell(&mut self, kind: EventKind, id: SessionId, user: Option<&UserId>) {
        self.told.push(Told { kind, id: Some(id), user: user.cloned() });
    }

    pub(super) fn tell_of_no_session(&mut self, kind: EventKind) {
        self.told.push(Told { kind, id: None, user: None });
    }

    pub(super) const fn told(&mut self) -> &mut Vec<Told> {
        &mut self.told
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.session.release(|line| {
            line.is_taken = false;
            if let Some(queue) = &mut line.queue {
                queue.releases = queue.releases.wrapping_add(1);
            }
        });
        for told in self.told.drain(..) {
            self.session.emit(told.kind, told.id, told.user.as_ref());
        }
        self.session.inner.store.tell_noticed();
    }
}

impl Session {
    /// Waits for an operation's turn, and learns first what became of a call whose answer was lost.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Error> {
        let mut turn = self.turn_of(Who::Operation).await?;
        if turn.finds_unanswered {
            // Boxed, because it is rare.
            Box::pin(self.reconcile(&mut turn)).await?;
        }
        Ok(turn)
    }

    pub(super) async fn turn_of(&self, who: Who) -> Result<Turn<'_>, Error> {
        match self.turn_now(who) {
            Some(turn) => Ok(turn),
            None => Box::pin(self.wait_for_turn(who)).await,
        }
    }

    /// The turn, if nobody has it and nobody waits for it.
    pub(super) fn turn_now(&self, who: Who) -> Option<Turn<'_>> {
        let mut state = self.unsettled();
        state.line.is_open_for(who).then(|| Turn::take(self, &mut state, who))
    }

    /// The turn, if nobody has it and only others wait that are no response: for one who has just given it
    /// back to look at a value.
    pub(super) fn turn_again(&self) -> Option<Turn<'_>> {
        let mut state = self.unsettled();
        let is_free = state.line.is_free_for(Who::Operation) && state.unanswered.is_none();
        is_free.then(|| Turn::take(self, &mut state, Who::Operation))
    }

    async fn wait_for_turn(&self, who: Who) -> Result<Turn<'_>, Error> {
        let waits = Waits::begin(self, who);
        // The release at which this one has let those go first who came before it.
        let mut stood_back_at = None;
        loop {
            let freed = {
                let mut state = self.unsettled();
                let is_free = state.line.is_free_for(who);
                let queue = state.line.queue();
                if !is_free {
                    // Under the lock, so that a turn which is given back now is not missed.
                    Some(self.inner.freed.listen())
                } else if who == Who::Response
                    || queue.waiting.first() == Some(&waits.ticket)
                    || stood_back_at == Some(queue.releases)
                {
                    return Ok(Turn::take(self, &mut state, who));
                } else {
                    stood_back_at = Some(queue.releases);
                    None
                }
            };
            match freed {
                // The limit begins anew with each turn: it is for a future that is kept and not polled,
                // and not for a long line.
                Some(freed) => {
                    let is_in_time = self.inner.store.in_time(freed).await.is_some();
                    let mut state = self.unsettled();
                    if !is_in_time && !state.line.is_free_for(who) {
                        drop(state);
                        return Err(Error::from_kind(ErrorKind::Unavailable).with_context(
                            "another operation on this request's session took longer than \
                             backend_timeout_ms",
                        ));
                    }
                    if !is_in_time {
                        return Ok(Turn::take(self, &mut state, who));
                    }
                }
                // Once: one who came before it and is polled takes its turn meanwhile, and one that is
                // not polled keeps nobody waiting.
                None => yield_once().await,
            }
        }
    }

    /// Changes the line, and wakes those who wait. All of them: one that is not polled any more must
    /// not keep the others asleep.
    fn release(&self, change: impl FnOnce(&mut Line)) {
        let waits = {
            let mut state = self.unsettled();
            change(&mut state.line);
            state.line.has_waiting() && !state.line.is_taken
        };
        if waits {
            self.inner.freed.notify(usize::MAX);
        }
    }
}

/// Lets the others be polled that were woken.
async fn yield_once() {
    let mut is_second = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// One who stands in the line.
struct Waits<'s> {
    session: &'s Session,
    who: Who,
    ticket: u32,
}

impl<'s> Waits<'s> {
    fn begin(session: &'s Session, who: Who) -> Self {
        let mut state = session.unsettled();
        let queue = state.line.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket = ticket.wrapping_add(1);
        queue.waiting.push(ticket);
        state.line.response_waits |= who == Who::Response;
        Self { session, who, ticket }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let (who, ticket) = (self.who, self.ticket);
        self.session.release(|line| {
            line.queue().waiting.retain(|waiting| *waiting != ticket);
            if who == Who::Response {
                line.response_waits = false;
            }
        });
    }
}

impl State {
    /// Whether the response can be decided now, without waiting and without asking the backend what
    /// became of an earlier call.
    pub(super) const fn is_settled_for_response(&self) -> bool {
        self.line.is_open_for(Who::Response) && self.unanswered.is_none()
    }
}
