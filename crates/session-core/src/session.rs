//! [`Session`]: the per-request handle that handlers read and write.
//!
//! What a request knows lies behind one mutex that is held for moments and never across an await.
//! An operation that asks the backend has its turn ([`turn`]): it takes a snapshot, asks, and puts the
//! answer in; so the handle may be cloned, sent to other tasks and dropped at any time, and cannot
//! deadlock. What it asks is noted before ([`unanswered`]), so that a call whose answer was lost is
//! looked up by whoever comes next.

mod accounts;
mod authenticate;
mod bearer;
mod browser;
mod buffer;
mod cookie_domain;
mod end;
mod finish;
mod flash;
mod headers;
mod impersonate;
mod lifetime;
mod live;
mod load;
mod looked_up;
mod make;
mod presented;
mod read;
mod reason;
mod renew;
mod save;
mod sign_in;
mod start_over;
mod state;
mod turn;
mod unanswered;
#[cfg(feature = "tokio")]
mod until_ended;
mod update;
mod view;
mod visit;
mod visitor;
#[cfg(feature = "metrics")]
mod why_none;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use event_listener::Event;

pub use self::accounts::Account;
use self::buffer::Buffer;
pub use self::flash::{Flash, FlashLevel};
pub use self::headers::Conclusion;
use self::live::{FoundAs, Live, Minted, Token};
use self::load::Request;
pub use self::sign_in::SignIn;
use self::turn::Line;
use self::unanswered::Unanswered;
use self::visit::Phase;
pub use self::visit::Visit;
use crate::backend::SessionRef;
use crate::data::{Data, Size};
use crate::dead_token::Ended;
use crate::error::{Error, ErrorKind};
use crate::event::{EventKind, SessionEvent};
use crate::id::{SessionId, UserId};
use crate::lifecycle::{Absence, Refusal};
use crate::patch::Patch;
use crate::record::SessionData;
use crate::store::SessionStore;
use crate::transport::Transport;
use crate::visitor::Visitor;

/// One request's session: signed in, anonymous, or none yet.
///
/// **Reading** never awaits, because a session is loaded before anybody has one. Reads see what this
/// request has written.
///
/// **Writing data** ([`set`](Self::set), [`remove`](Self::remove), [`take`](Self::take),
/// [`clear`](Self::clear)) is buffered and reaches the backend when the response is decided, in one
/// statement that also says that the session was used. Requests that run in parallel merge key by
/// key. If the buffer cannot be saved, the response becomes an error: 409 `session_ended` if
/// the session ended meanwhile, 503 if the backend failed. A response with a 5xx status, or
/// 408, drops the buffer. Before an effect that cannot be taken back, call [`save`](Self::save).
///
/// **A request that may not make a session** (its token was refused, or it comes from another site: see
/// [`may_store`](Self::may_store)) is told so by whatever would store, at once, so that it can go on
/// without, redirect, or [`start_over`](Self::start_over).
///
/// **Everything else** ([`authenticate`](Self::authenticate), [`logout`](Self::logout), …) awaits the
/// database and has happened when it returns.
///
/// Clones share the request's state. Operations that await take their turn, whoever calls them: each
/// sees what the one before did, and two at the same moment end as they would one after the other. One
/// that waits for its turn longer than `backend_timeout_ms` is
/// [`Unavailable`](ErrorKind::Unavailable): somebody keeps a future of this handle and does not poll
/// it. A future that is dropped may have done its work; whatever asks the backend next looks first, as
/// does the response, so that a token which was changed still reaches the browser.
///
/// Kept beyond the response, the handle still reads; buffered writes are then errors,
/// [`save`](Self::save) and [`update`](Self::update) may change the session but not make one.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    store: SessionStore,
    transport: Transport,
    /// Which of the browser's accounts the request is for.
    slot: u8,
    request: OnceLock<Request>,
    phase: Phase,
    state: Mutex<State>,
    /// Wakes the operations that wait for their turn.
    freed: Event,
}

#[derive(Default)]
struct State {
    loaded: Loaded,
    /// What is known of a session that the request has not, or not any more. Rare.
    past: Option<Box<Past>>,
    /// What a visitor's cookie holds. Only without a session.
    visitor: Option<Box<Visitor>>,
    /// Writes that the backend has not seen yet. Shared with operations under way, which take a clone
    /// of the pointer; a write meanwhile makes a copy of its own.
    buffer: Buffer,
    /// Messages of this request's that the backend has seen, for what comes after the session. Rare.
    left: Option<Box<Patch>>,
    /// The size of the data with the buffer applied, once a write asked for it.
    size: Option<Size>,
    cookie: Cookie,
    /// The other slots whose sessions this request ended: a bit for each.
    cleared: u16,
    /// The cookie's domain, by its place among those that a request may choose.
    cookie_domain: Option<usize>,
    /// Whether a touch by this request moved the session's end.
    slid: bool,
    /// Whether this request gave the session another lifetime, which its cookie must tell.
    relived: bool,
    /// Whether somebody was signed in to a session that the request has not any more.
    had_user: bool,
    /// Whether the response is decided.
    decided: bool,
    /// Whether there is a response that tells of the cookie as it is.
    is_told: bool,
    /// Whether a sign-out was asked for and failed, and nobody has signed in since.
    stays_out: bool,
    line: Line,
    /// What the backend was asked to change, until its answer is known.
    unanswered: Option<Unanswered>,
    /// Whether a change whose answer was lost may still come to be stored: then also what looks unchanged
    /// is sent.
    doubts: bool,
    /// Whether the call that was asked for last failed. Else, if it is unanswered, its future was dropped.
    call_failed: bool,
}

/// What was found, or what this request made of it since.
#[derive(Clone)]
enum Loaded {
    Without(Absence),
    With(Live),
}

/// What a request knows of a session that ended.
#[derive(Clone, Default)]
struct Past {
    /// How and when, if the request's token was found dead.
    ended: Option<Ended>,
    /// The session: with its user if the request had loaded it, so that a sign-in cannot renew what was
    /// ended meanwhile; without if a sign-in had taken its place before, so that another one of the same
    /// form carries what it held.
    session: Option<SessionRef>,
}

impl Default for Loaded {
    fn default() -> Self {
        Self::Without(Absence::Visitor)
    }
}

/// What this request did that its response's cookie must tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Cookie {
    #[default]
    Keep,
    /// A token was issued.
    Issue,
    /// The session was ended by this request.
    Remove,
}

impl Drop for Inner {
    /// A token that was issued and that no response told of is lost: the client went away, or a panic passed
    /// through the layer.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.cookie == Cookie::Issue
            && !state.is_told
            && let Loaded::With(live) = &state.loaded
        {
            let (id, user) = (live.session.id, live.session.user_id.as_ref());
            let meta = self.request.get().map(Request::meta);
            let event = SessionEvent::new(EventKind::TokenLost).caused_by(meta).session(id, user);
            self.store.emit(&event);
        }
    }
}

impl Session {
    /// The store that it belongs to.
    #[must_use]
    pub fn store(&self) -> &SessionStore {
        &self.inner.store
    }

    fn request(&self) -> Option<&Request> {
        self.inner.request.get()
    }

    /// The lock is held for moments, and what is done under it does not panic. If it was
    /// poisoned all the same, the state is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.unsettled();
        state.settle();
        state
    }

    /// For those who do not look at the data.
    fn unsettled(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Data and buffer, by pointer: the data as it was read, so that it is read once.
    fn view(&self) -> (Data, Buffer) {
        let state = self.state();
        if let Loaded::With(live) = &state.loaded {
            let _ = live.data.as_map();
        }
        (state.stored(), state.buffer.clone())
    }

    /// For what is not in the data.
    fn with_current<T>(&self, read: impl FnOnce(&SessionData) -> T) -> Option<T> {
        match &self.unsettled().loaded {
            Loaded::With(live) => Some(read(&live.session)),
            Loaded::Without(_) => None,
        }
    }

    /// The session that is there, for an operation that needs one.
    fn live(&self) -> Result<Live, Error> {
        match &self.state().loaded {
            Loaded::With(live) => Ok(live.clone()),
            // Nobody knows, and that is not "nobody".
            Loaded::Without(Absence::Refused(Refusal::BackendFailed)) => Err(Error::not_loaded()),
            Loaded::Without(_) => Err(Error::from_kind(ErrorKind::NoSession)),
        }
    }

    /// The session that is there, with its user, for an operation that needs somebody signed in.
    fn signed_in(&self) -> Result<(Live, UserId), Error> {
        self.with_user(|live, user| (live.clone(), user.clone()))
    }

    fn with_user<T>(&self, read: impl FnOnce(&Live, &UserId) -> T) -> Result<T, Error> {
        let state = self.unsettled();
        let kind = match &state.loaded {
            // Nobody knows, and that is not "nobody".
            Loaded::Without(Absence::Refused(Refusal::BackendFailed)) => {
                return Err(Error::not_loaded());
            }
            Loaded::Without(_) => ErrorKind::Unauthenticated,
            // A sign-in, or a way back, whose answer was lost: it may be another user by now.
            Loaded::With(_) if state.unanswered.as_ref().is_some_and(Unanswered::concerns_user) => {
                ErrorKind::Unavailable
            }
            Loaded::With(live) => match &live.session.user_id {
                Some(user) => return Ok(read(live, user)),
                None => ErrorKind::Unauthenticated,
            },
        };
        Err(Error::from_kind(kind))
    }

    fn emit(&self, kind: EventKind, id: Option<SessionId>, user: Option<&UserId>) {
        let mut event = SessionEvent::new(kind).caused_by(self.request().map(Request::meta));
        let staff;
        if let Some(id) = id {
            event = event.session(id, user);
            staff = self.impersonator_of(id);
            event.impersonator = staff.as_ref();
        }
        self.inner.store.emit(&event);
    }

    /// For operations that a decided response cannot tell the browser of.
    fn not_decided(&self) -> Result<(), Error> {
        if self.unsettled().decided { Err(Error::from_kind(ErrorKind::LateWrite)) } else { Ok(()) }
    }

    /// The session turned out to have ended: the request may not make one by itself. The buffer stays,
    /// so that the response reports what could not be stored.
    fn ended_meanwhile(&self) -> Error {
        let mut state = self.unsettled();
        state.leave(Absence::Refused(Refusal::Ended));
        state.unanswered = None;
        Error::from_kind(ErrorKind::SessionEnded)
    }

    /// An error of the backend's: one that says that the session which acts has ended is taken in.
    fn or_ended(&self, error: impl Into<Error>) -> Error {
        let error = error.into();
        if error.kind() == ErrorKind::SessionEnded { self.ended_meanwhile() } else { error }
    }

    /// Whether the request may store something: at once if it has a session, and else with a new one.
    /// `false` if [`set`](Self::set) would be an error: the request's token was refused, it comes from
    /// another site, its session ended meanwhile, or the response is decided.
    ///
    /// For what stores on the way, such as a middleware that keeps a CSRF token: a request that may not
    /// goes on without. What it stores takes a dead cookie's place, so it also passes on how the session
    /// [`ended`](Self::ended):
    ///
    /// ```
    /// # use session_core::{EndedBy, Error, Key, Session};
    /// const CSRF: Key<String> = Key::new("csrf");
    /// const FLASH: Key<String> = Key::new("flash");
    ///
    /// fn keep_token(session: &Session, unguessable: String) -> Result<(), Error> {
    ///     if session.may_store() && !session.contains(CSRF) {
    ///         if session.ended().is_some_and(|end| end.how == EndedBy::Revoked) {
    ///             session.set(FLASH, "you were signed out on another device".to_owned())?;
    ///         }
    ///         session.set(CSRF, unguessable)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn may_store(&self) -> bool {
        let state = self.unsettled();
        !state.decided && state.refusal().is_none()
    }

    /// How and when the session ended whose token this request presented: "you were signed out on another
    /// device" if it was [`Revoked`](crate::EndedBy::Revoked). `None` if its token is good, if nobody knows
    /// it (it ended five minutes ago or longer, or expired), or if there is none.
    ///
    /// It is known until somebody stores something for this browser, whose new cookie replaces the dead
    /// one: a later request, such as the one for the sign-in page, is told `None`. Whoever stores first
    /// says it, or puts it into the session: see [`may_store`](Self::may_store).
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.unsettled().past.as_ref()?.ended
    }
}

impl fmt::Debug for Session {
    /// Without data and without anything secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("user_id", &self.user_id())
            .finish_non_exhaustive()
    }
}
