//! The end of a request: what to save, and which headers the response gets.

use http::{HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::buffer::Buffer;
use super::headers::{Audience, Conclusion};
use super::load::Request;
use super::save::Write;
use super::turn::{Told, Turn, Who};
use super::{Cookie, Loaded, Session, State, Token, Visit};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::lifecycle::{self, Plan};
use crate::settings::Settings;

/// What becomes of a session when the response is decided.
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one call; boxed, it would be an allocation of every request that writes"
)]
enum Decision {
    /// There is nothing to ask of the backend.
    Nothing,
    Without(Plan, Buffer),
    With(Write),
}

/// What a response comes to, as far as one look says.
enum Glance {
    /// Nothing was changed, and nothing is due: it is decided.
    OnlyRead(Audience),
    /// It has to wait, or to ask the backend.
    AsksBackend,
    Unclear,
}

/// What became of an earlier call is asked.
struct Asked {
    is_needed: bool,
}

impl Visit {
    /// The response is decided. Saves what is buffered and changes something, touches the session if that is due, and says
    /// which headers the response gets, and whether it must become an error.
    ///
    /// A request that never used its session costs nothing here. If an operation on the session is
    /// still under way, this waits for it, and an operation that is called meanwhile waits for this. One
    /// that was dropped is looked up if the cookie depends on it. Afterwards, buffered writes through
    /// clones of the session are errors.
    ///
    /// The error is also [`Unavailable`](crate::ErrorKind::Unavailable) if an operation did not come to
    /// its end within `backend_timeout_ms`: what it would do to the session is not known. What it makes
    /// afterwards ends at once, because nobody can be told of it.
    ///
    /// # Cancellation
    /// A dropped call may have saved, or not; the client whose connection ended is not told.
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice")]
    pub fn finish(&self, status: StatusCode) -> impl Future<Output = Conclusion> + Send {
        // For the same reason the session is named anew each time.
        async move {
            if !self.session().inner.phase.end() {
                return Conclusion::default();
            }
            let mut turn = match self.session().turn_of(Who::Response).await {
                Ok(turn) => turn,
                Err(error) => return self.session().decided_out_of_turn(status, error),
            };
            if turn.finds_unanswered()
                && let Some(asked) = self.session().must_reconcile(status)
                && let Err(error) = Box::pin(self.session().reconcile(&mut turn)).await
                && asked.is_needed
            {
                return self.session().decided_out_of_turn(status, error);
            }
            // Looked at in its place: what is moved out of it would stand here twice.
            let decision =
                self.session().decide(status, self.session().inner.store.now(), &mut turn);
            let done = match &decision {
                Decision::Nothing => Ok(()),
                Decision::Without(plan, buffer) => {
                    self.session().carry_out_without(&mut turn, plan, buffer).await
                }
                Decision::With(write) => {
                    let changed = self.session().carry_out(write).await;
                    let saved = changed.and_then(|changed| changed.or_ended(self.session()));
                    if write.only_touches() {
                        touched(&mut turn, saved);
                        Ok(())
                    } else {
                        saved
                    }
                }
            };
            self.session().conclusion(done.err())
        }
    }

    /// [`finish`](Self::finish) if the backend need not be asked, which is so for most requests that
    /// only read: saves an adapter the future. `None`: call `finish`.
    #[inline]
    #[must_use]
    pub fn finish_without_io(&self, status: StatusCode) -> Option<Conclusion> {
        let session = self.session();
        if !session.inner.phase.end() {
            return Some(Conclusion::default());
        }
        // Then the backend is nearly always asked.
        if session.inner.phase.was_written_to() && !discards_data(status) {
            return None;
        }
        let now = session.inner.store.now();
        match session.glance(status, now) {
            Glance::OnlyRead(audience) => {
                return Some(session.with_use(Conclusion::default(), audience));
            }
            Glance::AsksBackend => return None,
            Glance::Unclear => {}
        }
        let mut turn = session.turn_now(Who::Response)?;
        match session.decide(status, now, &mut turn) {
            Decision::Nothing => Some(session.conclusion(None)),
            Decision::Without(..) | Decision::With(_) => None,
        }
    }
}

impl Session {
    /// What most requests come to, at one look.
    #[inline]
    fn glance(&self, status: StatusCode, now: Timestamp) -> Glance {
        let settings = self.inner.store.settings();
        let mut state = self.unsettled();
        if !state.is_settled_for_response() {
            return Glance::AsksBackend;
        }
        let Loaded::With(live) = &state.loaded else { return Glance::Unclear };
        if !state.buffer.is_empty() {
            return if discards_data(status) { Glance::Unclear } else { Glance::AsksBackend };
        }
        if state.cookie != Cookie::Keep || state.slid || state.relived {
            return Glance::Unclear;
        }
        if lifecycle::is_touch_due(settings, &live.session, live.is_first(), now) {
            return Glance::AsksBackend;
        }
        let audience = state.audience(settings);
        state.decided = true;
        Glance::OnlyRead(audience)
    }

    /// Whether the response asks first what became of a call whose answer was lost, and whether it
    /// cannot do without. If only data was written it can, but then it would send it once more, or
    /// miss that the session's end has moved.
    fn must_reconcile(&self, status: StatusCode) -> Option<Asked> {
        let state = self.unsettled();
        let failed = discards_data(status);
        let concerns_cookie = state.unanswered.as_ref()?.concerns_cookie();
        let saves = !state.buffer.is_empty() && !failed;
        // A server error that came of a failed call is not kept waiting for another one.
        let asks = concerns_cookie || !(failed && state.call_failed);
        asks.then_some(Asked { is_needed: concerns_cookie || saves })
    }

    /// The response is decided without its turn. An answer that is an error already stays what it is.
    fn decided_out_of_turn(&self, status: StatusCode, error: Error) -> Conclusion {
        {
            let mut state = self.unsettled();
            state.decided = true;
            if discards_data(status) {
                state.forget_buffer();
            }
        }
        let mut conclusion = self.conclusion(Some(error));
        if discards_data(status) {
            let _ = conclusion.take_error();
        }
        conclusion
    }

    /// Closes the handle for buffered writes.
    fn decide(&self, status: StatusCode, now: Timestamp, turn: &mut Turn<'_>) -> Decision {
        let failed = discards_data(status);
        // Settled, so that what is buffered is compared with all that this request knows.
        let mut state =
            if self.unsettled().buffer.is_empty() { self.unsettled() } else { self.state() };
        state.decided = true;
        if failed && !state.buffer.is_empty() {
            state.drop_buffer(turn);
        }
        match &state.loaded {
            Loaded::Without(absence) if let Some(sealing) = self.sealing(*absence) => {
                let buffer = state.buffer.clone();
                // `save_unchanged` gives nothing to a request that went wrong.
                if failed && state.visitor.is_none() {
                    return Decision::Nothing;
                }
                match self.keep(&mut state, sealing, (&buffer, &buffer), now) {
                    Ok(()) => Decision::Nothing,
                    Err(error) => Decision::Without(Plan::Refuse(error.kind()), buffer),
                }
            }
            Loaded::Without(absence) => {
                let settings = self.inner.store.settings();
                let lifetime = state.buffer.lifetime();
                let plan = lifecycle::without_session(settings, *absence, &state.buffer, lifetime);
                match self.plan_of_response(plan, state.buffer.is_empty()) {
                    Plan::Nothing => Decision::Nothing,
                    // `save_unchanged` gives no session to a request that went wrong.
                    Plan::Create if failed => Decision::Nothing,
                    plan => Decision::Without(plan, state.buffer.clone()),
                }
            }
            Loaded::With(live) => {
                let mut changed = state.buffer.clone();
                let sends_all = self.inner.store.config().save_unchanged || state.doubts;
                let leaves_out = !sends_all && changed.leave_out_unchanged(live);
                match self.write(live, changed, now) {
                    Some(mut write) => {
                        if leaves_out {
                            write.buffered = state.buffer.clone();
                        }
                        Decision::With(write)
                    }
                    None => {
                        // Nothing that a later `save` should send.
                        state.forget_buffer();
                        Decision::Nothing
                    }
                }
            }
        }
    }

    fn conclusion(&self, error: Option<Error>) -> Conclusion {
        let (cookie, is_bearer) = (self.cookie(error.is_some()), self.is_bearer());
        let (audience, hands_out, (cleared, domain)) = {
            let mut state = self.unsettled();
            let hands_out = state.issues_to_program(is_bearer);
            // A token that goes into a body is told of by whoever takes it.
            state.is_told |= !hands_out;
            let cookies = (state.cleared, state.cookie_domain);
            (state.audience(self.inner.store.settings()), hands_out, cookies)
        };
        let conclusion = Conclusion { error, cookie, hands_out, cleared, domain, used_by: None };
        self.with_use(conclusion, audience)
    }

    /// A session that was loaded, and that nobody asked for, is no use of it, unless it says something.
    fn with_use(&self, conclusion: Conclusion, audience: Audience) -> Conclusion {
        let is_use = conclusion.carries_cookie() || self.inner.phase.was_asked_for();
        let used_by = is_use.then(|| (self.clone(), audience));
        Conclusion { used_by, ..conclusion }
    }

    /// The one cookie of the response. If something failed, only what this request had committed
    /// before is told (law `outage_clears_nothing`).
    fn cookie(&self, failed: bool) -> Option<HeaderValue> {
        let settings = self.inner.store.settings();
        let rules = self.rules();
        let secure = || self.request().map_or_else(|| rules.secure(), Request::secure);
        // Most responses tell none.
        if !self.unsettled().tells_cookie(failed) || self.is_bearer() {
            return None;
        }
        // Not under the lock: a `Clock` may be the application's code.
        let now = self.inner.store.now();
        let state = self.unsettled();
        if !state.tells_cookie(failed) {
            return None;
        }
        let domain = state.cookie_domain;
        if let Loaded::Without(_) = &state.loaded
            && let Some(visitor) = &state.visitor
            && let Some(value) = &visitor.unsent
        {
            #[cfg(feature = "metrics")]
            crate::metrics::cookie_set(crate::metrics::SetCookie::Sealed);
            let (record, persists) = (visitor.record(), settings.config.cookie.persistent);
            let persistent = record.cookie_persistent.unwrap_or(persists);
            let left = persistent.then(|| expiry::end(settings, record).since(now));
            return Some(rules.set_sealed(value, left, secure(), domain));
        }
        let Loaded::With(live) = &state.loaded else {
            #[cfg(feature = "metrics")]
            crate::metrics::cookie_set(crate::metrics::SetCookie::Removed);
            return Some(rules.removal_with(secure(), domain));
        };
        let session = &live.session;
        let persistent = session.cookie_persistent.unwrap_or(settings.config.cookie.persistent);
        let (Token::Issued(token) | Token::Presented(token)) = &live.token;
        let left = persistent.then(|| expiry::end(settings, session).since(now));
        let value = Zeroizing::new(rules.value(token));
        let cookie = rules.set_with(&value, left, secure(), domain);
        let is_new = state.cookie == Cookie::Issue;
        drop(state);
        #[cfg(feature = "metrics")]
        crate::metrics::cookie_set(if is_new {
            crate::metrics::SetCookie::Issued
        } else {
            crate::metrics::SetCookie::Renewed
        });
        if is_new && self.request().is_some_and(Request::drops_secure) {
            self.inner.store.watch().found_plain();
        }
        Some(cookie)
    }
}

/// A touch that fails is an event, not an error: nothing that anybody asked for is lost. One that
/// found the session ended says nothing either: the request was answered in good faith.
fn touched(turn: &mut Turn<'_>, touch: Result<(), Error>) {
    if let Err(error) = touch
        && error.kind() != ErrorKind::SessionEnded
    {
        turn.tell_of_no_session(EventKind::TouchFailed);
        tracing::debug!(
            target: "session",
            error = &error as &dyn std::error::Error,
            "touching the session failed"
        );
    }
}

/// Whether an answer says that the handler did not come to its end: it failed, or a time-out layer cut it
/// off (law `server_error_discards_data`).
fn discards_data(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

impl State {
    /// For whom the answer is.
    fn audience(&self, settings: &Settings) -> Audience {
        let user = if settings.config.no_store_when_signed_in {
            Audience::OneUser
        } else {
            Audience::OneVisitor
        };
        match &self.loaded {
            Loaded::With(live) if live.session.is_authenticated() => user,
            // The page may have been made before the sign-out.
            _ if self.had_user => user,
            Loaded::With(_) => Audience::OneVisitor,
            Loaded::Without(_) if self.visitor.is_some() => Audience::OneVisitor,
            Loaded::Without(_) => Audience::Everybody,
        }
    }

    /// Whether the response has a cookie to tell of.
    fn tells_cookie(&self, failed: bool) -> bool {
        match &self.loaded {
            Loaded::With(live) if live.as_bearer => false,
            // If the application's last word was "out", and it failed, a session that somebody is signed in
            // to is not handed to a browser that has not got it yet.
            Loaded::With(live) if self.cookie == Cookie::Issue => {
                !(self.stays_out && live.session.is_authenticated())
            }
            // One that ends with the browser is sent anew too: it has no Max-Age to slide, but the one
            // before it may have had one.
            Loaded::With(live) => {
                (self.slid || self.relived) && live.current && !failed && !self.stays_out
            }
            Loaded::Without(_) => {
                let is_sealed = self.visitor.as_ref().is_some_and(|v| v.unsent.is_some());
                is_sealed || self.cookie == Cookie::Remove
            }
        }
    }

    fn drop_buffer(&mut self, turn: &mut Turn<'_>) {
        self.forget_buffer();
        match &self.loaded {
            Loaded::With(live) => {
                turn.told().push(Told::of(EventKind::DataDroppedOnServerError, &live.session));
            }
            Loaded::Without(_) => turn.tell_of_no_session(EventKind::DataDroppedOnServerError),
        }
    }
}
