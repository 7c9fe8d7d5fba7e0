//! The end of a request: what to save, and which headers the response gets.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use zeroize::Zeroizing;

use super::load::Request;
use super::save::Write;
use super::turn::{Told, Turn, Who};
use super::{Cookie, Loaded, Session, State, Token, Visit};
use crate::clock::Timestamp;
use crate::cookie::CookieRules;
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::lifecycle::{self, Plan};
use crate::patch::Patch;
use crate::store::SessionStore;

/// What becomes of a session when the response is decided.
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one call; boxed, it would be an allocation of every request that writes"
)]
enum Decision {
    /// There is nothing to ask of the backend.
    Nothing,
    Without(Plan, Patch),
    With(Write),
}

/// What a response comes to, as far as one look says.
enum Glance {
    /// Nothing was changed, and nothing is due: it is decided.
    OnlyRead,
    /// It has to wait, or to ask the backend.
    AsksBackend,
    Unclear,
}

/// What became of an earlier call is asked.
struct Asked {
    is_needed: bool,
}

impl Visit {
    /// The response is decided. Saves what is buffered, touches the session if that is due, and says
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
    pub async fn finish(&self, status: StatusCode) -> Conclusion {
        let session = self.session();
        if !session.inner.phase.end() {
            return Conclusion::default();
        }
        let mut turn = match session.turn_of(Who::Response).await {
            Ok(turn) => turn,
            Err(error) => return session.decided_out_of_turn(status, error),
        };
        if turn.finds_unanswered()
            && let Some(asked) = session.must_reconcile(status)
            && let Err(error) = Box::pin(session.reconcile(&mut turn)).await
            && asked.is_needed
        {
            return session.decided_out_of_turn(status, error);
        }
        // Looked at in its place: what is moved out of it would stand here twice.
        let decision = session.decide(status, session.inner.store.now(), &mut turn);
        let done = match &decision {
            Decision::Nothing => Ok(()),
            Decision::Without(plan, buffer) => {
                session.carry_out_without(&mut turn, plan, buffer).await
            }
            Decision::With(write) => {
                let changed = session.carry_out(write).await;
                let saved = changed.and_then(|changed| changed.or_ended(session));
                if write.only_touches() {
                    touched(&mut turn, saved);
                    Ok(())
                } else {
                    saved
                }
            }
        };
        session.conclusion(done.err())
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
        let now = session.inner.store.now();
        match session.glance(status, now) {
            Glance::OnlyRead => return Some(Conclusion::of_use(&session.inner.store)),
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
            // A server error drops it.
            let drops = status.is_server_error();
            return if drops { Glance::Unclear } else { Glance::AsksBackend };
        }
        if state.cookie != Cookie::Keep || state.slid {
            return Glance::Unclear;
        }
        if lifecycle::is_touch_due(settings, &live.session, now) {
            return Glance::AsksBackend;
        }
        state.decided = true;
        Glance::OnlyRead
    }

    /// Whether the response asks first what became of a call whose answer was lost, and whether it
    /// cannot do without. Where only data was written it can, but then it would send it once more, or
    /// miss that the session's end has moved.
    fn must_reconcile(&self, status: StatusCode) -> Option<Asked> {
        let state = self.unsettled();
        let failed = status.is_server_error();
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
            if status.is_server_error() {
                state.forget_buffer();
            }
        }
        let mut conclusion = self.conclusion(Some(error));
        if status.is_server_error() {
            let _ = conclusion.take_error();
        }
        conclusion
    }

    /// Closes the handle for buffered writes.
    fn decide(&self, status: StatusCode, now: Timestamp, turn: &mut Turn<'_>) -> Decision {
        let failed = status.is_server_error();
        let mut state = self.unsettled();
        state.decided = true;
        if failed && !state.buffer.is_empty() {
            state.drop_buffer(turn);
        }
        match &state.loaded {
            Loaded::Without(absence) => {
                let settings = self.inner.store.settings();
                match lifecycle::without_session(settings, *absence, &state.buffer) {
                    Plan::Nothing => Decision::Nothing,
                    // `save_unchanged` gives no session to a request that went wrong.
                    Plan::Create if failed => Decision::Nothing,
                    plan => Decision::Without(plan, state.buffer.clone()),
                }
            }
            Loaded::With(live) => match self.write(live, state.buffer.clone(), now) {
                Some(write) => Decision::With(write),
                None => Decision::Nothing,
            },
        }
    }

    fn conclusion(&self, error: Option<Error>) -> Conclusion {
        let cookie = self.cookie(error.is_some());
        Conclusion { cookie, error, ..Conclusion::of_use(&self.inner.store) }
    }

    /// The one cookie of the response. Where something failed, only what this request had committed
    /// before is told (law `outage_clears_nothing`).
    fn cookie(&self, failed: bool) -> Option<HeaderValue> {
        let settings = self.inner.store.settings();
        let rules = &settings.cookie;
        let secure = || self.request().map_or_else(|| rules.secure(), Request::secure);
        // Before the lock: a `Clock` may be the application's code.
        let now = self.inner.store.now();
        let state = self.unsettled();
        match &state.loaded {
            // The application's last word was "out", and it failed. A session that somebody is signed in
            // to is not handed to a browser that has not got it yet.
            Loaded::With(live)
                if state.stays_out
                    && state.cookie == Cookie::Issue
                    && live.session.is_authenticated() =>
            {
                None
            }
            Loaded::With(live) => {
                let session = &live.session;
                let persistent =
                    session.cookie_persistent.unwrap_or(settings.config.cookie.persistent);
                let (token, has_changed) = match &live.token {
                    Token::Issued(token) => (token, true),
                    // What ends with the browser has no Max-Age to slide; it is sent anew only
                    // where it is signed otherwise than it would be today.
                    Token::Presented { token, is_up_to_date } => {
                        (token, persistent || !is_up_to_date)
                    }
                };
                let issued = state.cookie == Cookie::Issue;
                let slid = state.slid && live.current && has_changed && !failed;
                if !issued && !slid {
                    return None;
                }
                let left = persistent.then(|| expiry::end(settings, session).since(now));
                let value = Zeroizing::new(rules.value(token));
                Some(rules.set_with(&value, left, secure()))
            }
            Loaded::Without(_) if state.cookie == Cookie::Remove => {
                Some(rules.removal_with(secure()))
            }
            Loaded::Without(_) => None,
        }
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

impl State {
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

/// What the end of a request means for its response.
#[derive(Debug, Default)]
#[must_use = "the response must be told"]
pub struct Conclusion {
    error: Option<Error>,
    cookie: Option<HeaderValue>,
    /// The store, where its session was used.
    used_by: Option<SessionStore>,
}

impl Conclusion {
    /// A session was used, and that is all.
    fn of_use(store: &SessionStore) -> Self {
        Self { used_by: Some(store.clone()), ..Self::default() }
    }

    /// Where what was buffered could not be saved: the error that the response must become (law
    /// `failed_save_is_reported`). Ask this first, then [`apply`](Self::apply) to whichever response
    /// goes out.
    pub fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Whether the response gets a cookie of the session's.
    #[must_use]
    pub fn carries_cookie(&self) -> bool {
        self.cookie.is_some()
    }

    /// Puts the headers onto the response.
    ///
    /// - `Vary: Cookie` where the session was used.
    /// - At most one `Set-Cookie` of the session's name, ours: one that the handler or the framework's
    ///   own jar wrote is dropped, also where there is none of ours, because it would end the session
    ///   in the browser (law `one_cookie_per_response`).
    /// - With it `Cache-Control: no-store`, unless the response's own says `no-store` or `private`
    ///   (RFC 9111, section 7.3).
    #[inline]
    pub fn apply(self, headers: &mut HeaderMap) {
        // Most requests of a site never ask for their session.
        if self.used_by.is_some() {
            self.put_onto(headers);
        }
    }

    fn put_onto(self, headers: &mut HeaderMap) {
        let Some(store) = self.used_by else { return };
        vary_on_cookie(headers);
        if headers.contains_key(header::SET_COOKIE) {
            drop_foreign_cookies(headers, &store.settings().cookie);
        }
        if let Some(cookie) = self.cookie {
            headers.append(header::SET_COOKIE, cookie);
            forbid_storing(headers);
        }
    }
}

fn vary_on_cookie(headers: &mut HeaderMap) {
    let names = |value: &HeaderValue| {
        let text = value.as_bytes();
        text.split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie"))
    };
    match headers.entry(header::VARY) {
        header::Entry::Vacant(entry) => {
            entry.insert(HeaderValue::from_static("Cookie"));
        }
        header::Entry::Occupied(entry) if entry.iter().any(names) => {}
        header::Entry::Occupied(mut entry) => entry.append(HeaderValue::from_static("Cookie")),
    }
}

fn drop_foreign_cookies(headers: &mut HeaderMap, rules: &CookieRules) {
    if headers.get_all(header::SET_COOKIE).iter().any(|other| rules.set_cookie_matches(other)) {
        tracing::warn!(target: "session", "dropped another Set-Cookie of the session's name");
        if let header::Entry::Occupied(entry) = headers.entry(header::SET_COOKIE) {
            let (name, others) = entry.remove_entry_mult();
            let kept: Vec<_> = others.filter(|other| !rules.set_cookie_matches(other)).collect();
            for other in kept {
                headers.append(name.clone(), other);
            }
        }
    }
}

fn forbid_storing(headers: &mut HeaderMap) {
    let keeps_out = |value: &HeaderValue| {
        let text = value.as_bytes();
        text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|directive| {
            directive.eq_ignore_ascii_case(b"no-store")
                || directive.eq_ignore_ascii_case(b"private")
        })
    };
    if !headers.get_all(header::CACHE_CONTROL).iter().any(keeps_out) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryBackend, SessionConfig};

    fn check(name: &str, before: &[(&str, &str)], after: &[(&str, &str)]) {
        let to_map = |pairs: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.append(name, value.parse().unwrap());
            }
            headers
        };
        let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
        let cookie = Some(HeaderValue::from_static("_session=new"));
        let conclusion = Conclusion { error: None, cookie, used_by: Some(store) };
        let mut headers = to_map(before);
        conclusion.apply(&mut headers);
        assert_eq!(headers, to_map(after), "{name}");
    }

    #[test]
    fn headers() {
        let ours = ("set-cookie", "_session=new");
        let (vary, no_store) = (("vary", "Cookie"), ("cache-control", "no-store"));
        check("nothing there", &[], &[vary, ours, no_store]);
        check(
            "vary says so already",
            &[("vary", "accept, COOKIE")],
            &[("vary", "accept, COOKIE"), ours, no_store],
        );
        check("vary says everything", &[("vary", "*")], &[("vary", "*"), ours, no_store]);
        check(
            "vary says something else",
            &[("vary", "accept")],
            &[("vary", "accept"), vary, ours, no_store],
        );
        check(
            "a public answer",
            &[("cache-control", "public, max-age=60")],
            &[vary, ours, no_store],
        );
        check(
            "a private answer",
            &[("cache-control", "max-age=60, private")],
            &[("cache-control", "max-age=60, private"), vary, ours],
        );
        check(
            "a second cookie of our name",
            &[("set-cookie", "a=1"), ("set-cookie", "_session=old"), ("set-cookie", "_session2=x")],
            &[("set-cookie", "a=1"), ("set-cookie", "_session2=x"), ours, vary, no_store],
        );
    }
}
