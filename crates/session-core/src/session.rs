//! [`Session`]: the per-request handle that handlers read and write.
//!
//! What a request knows lies behind one mutex that is held for moments and never across an await.
//! An operation that asks the backend has its turn ([`turn`]): it takes a snapshot, asks, and puts the
//! answer in; so the handle may be cloned, sent to other tasks and dropped at any time, and cannot
//! deadlock. What it asks is noted before ([`unanswered`]), so that a call whose answer was lost is
//! looked up by whoever comes next.

mod authenticate;
mod end;
mod finish;
mod load;
mod make;
mod read;
mod reason;
mod renew;
mod save;
mod sign_in;
mod turn;
mod unanswered;
mod update;
mod visit;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use event_listener::Event;
use serde_json::Value;

pub use self::finish::Conclusion;
use self::load::Request;
pub use self::sign_in::SignIn;
use self::turn::Line;
use self::unanswered::Unanswered;
use self::visit::Phase;
pub use self::visit::Visit;
use crate::backend::SessionRef;
use crate::client::meta::SessionMeta;
use crate::data::{Data, Size};
use crate::error::{Error, ErrorKind};
use crate::event::{EventKind, SessionEvent};
use crate::id::{SessionId, UserId};
use crate::key::KeyName;
use crate::lifecycle::{Absence, Refusal};
use crate::patch::Patch;
use crate::record::SessionData;
use crate::store::SessionStore;
use crate::token::{SessionToken, TokenHash};

/// One request's session: signed in, anonymous, or none yet.
///
/// **Reading** never awaits, because a session is loaded before anybody has one. Reads see what this
/// request has written.
///
/// **Writing data** ([`set`](Self::set), [`remove`](Self::remove), [`take`](Self::take),
/// [`clear`](Self::clear)) is buffered and reaches the backend when the response is decided, in one
/// statement that also says that the session was used. Requests that run in parallel merge key by
/// key. Where the buffer cannot be saved, the response becomes an error: 409 `session_ended` where
/// the session ended meanwhile, 503 where the backend failed. A response with a 5xx status drops the
/// buffer. Before an effect that cannot be taken back, call [`save`](Self::save).
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
    request: OnceLock<Request>,
    phase: Phase,
    state: Mutex<State>,
    /// Where those are woken who wait for their turn.
    freed: Event,
}

#[derive(Default)]
struct State {
    loaded: Loaded,
    /// Writes that the backend has not seen yet. Shared with operations under way, which take a clone
    /// of the pointer; a write meanwhile makes a copy of its own.
    buffer: Patch,
    /// The size of the data with the buffer applied, once a write asked for it.
    size: Option<Size>,
    cookie: Cookie,
    /// Whether a touch by this request moved the session's end.
    slid: bool,
    /// Whether the response is decided.
    decided: bool,
    /// Whether a sign-out was asked for and failed, and nobody has signed in since.
    stays_out: bool,
    line: Line,
    /// What the backend was asked to change, until its answer is known.
    unanswered: Option<Unanswered>,
    /// Whether the call that was asked for last failed. Else, if it is unanswered, its future was dropped.
    call_failed: bool,
}

/// What was found, or what this request made of it since.
#[derive(Clone)]
enum Loaded {
    Without(Absence),
    With(Live),
}

impl Default for Loaded {
    fn default() -> Self {
        Self::Without(Absence::Visitor)
    }
}

/// A session that is there, as this request knows it.
#[derive(Clone)]
struct Live {
    session: Arc<SessionData>,
    /// What this request has saved and `session` does not show yet: see [`State::settle`].
    saved: Patch,
    /// The data's version, as this request last heard of it.
    version: u64,
    token: Token,
    hash: TokenHash,
    /// Whether the token is the current one, as far as is known; else it is in grace.
    current: bool,
    /// Whether the request's agent is a newer one of the kind that is stored.
    newer_agent: bool,
    /// Whether the data is what the backend held at this version. Not so if another request has
    /// written since it was read: this one's own writes are then on top of something older.
    is_exact: bool,
}

impl Live {
    /// As the backend found it.
    fn found(session: Arc<SessionData>, token: Token, hash: TokenHash, current: bool) -> Self {
        let version = session.version;
        let saved = Patch::new();
        Self { session, saved, version, token, hash, current, newer_agent: false, is_exact: true }
    }

    /// With a token that this request issued.
    fn issued(session: Arc<SessionData>, token: SessionToken) -> Self {
        let hash = token.hash();
        Self::found(session, Token::Issued(token), hash, true)
    }

    /// The same token's session, as the backend holds it now.
    fn read_anew(&self, session: Arc<SessionData>, current: bool) -> Self {
        let newer_agent = self.newer_agent;
        Self { newer_agent, ..Self::found(session, self.token.clone(), self.hash, current) }
    }

    fn reference(&self) -> SessionRef {
        SessionRef {
            id: self.session.id,
            token: Some(self.hash),
            user: self.session.user_id.clone(),
        }
    }
}

/// The token that stands for a session.
#[derive(Clone)]
enum Token {
    /// One that the request presented.
    Presented {
        token: SessionToken,
        /// Whether its cookie is spelt as it would be set today: see [`crate::cookie::Candidate`].
        is_up_to_date: bool,
    },
    /// One that this request issued.
    Issued(SessionToken),
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

impl Session {
    /// The store that it belongs to.
    #[must_use]
    pub fn store(&self) -> &SessionStore {
        &self.inner.store
    }

    /// The session's public name; `None` where there is no session.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.with_current(|session| session.id)
    }

    /// Who is signed in.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.with_current(|session| session.user_id.clone()).flatten()
    }

    /// Who is signed in, where somebody has to be.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) where nobody is;
    /// [`Unavailable`](ErrorKind::Unavailable) where the backend failed and the configuration says to
    /// go on as a visitor: an outage must not read as "not signed in".
    pub fn require_user(&self) -> Result<UserId, Error> {
        self.with_user(|_, user| user.clone())
    }

    /// Whether somebody is signed in.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.with_current(SessionData::is_authenticated).unwrap_or(false)
    }

    /// The session's record as it was loaded, or as this request last saved it. What is buffered is
    /// not in it: see [`data`](Self::data).
    #[must_use]
    pub fn current(&self) -> Option<Arc<SessionData>> {
        match &self.state().loaded {
            Loaded::With(live) => Some(live.session.clone()),
            Loaded::Without(_) => None,
        }
    }

    /// What this request says about its client.
    ///
    /// Empty where no adapter attached a request.
    #[must_use]
    pub fn meta(&self) -> &SessionMeta {
        static NOTHING: OnceLock<SessionMeta> = OnceLock::new();
        let attached = self.request().map(Request::meta);
        attached.unwrap_or_else(|| NOTHING.get_or_init(SessionMeta::default))
    }

    /// Whether its user signed in, or proved again who he is, within the last `duration`. `false`
    /// for an anonymous session.
    #[must_use]
    pub fn authenticated_within(&self, duration: Duration) -> bool {
        let now = self.inner.store.now();
        self.with_current(|session| session.authenticated_within(duration, now)).unwrap_or(false)
    }

    /// Whether there is a value under `key`, `null` included.
    #[must_use]
    pub fn contains(&self, key: impl KeyName) -> bool {
        // Named outside the lock: a `KeyName` may be the application's code.
        let key = key.key_name();
        self.state().value(key).is_some()
    }

    /// The keys there are, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.data().iter().map(|(key, _)| key.to_owned()).collect()
    }

    /// The whole map, as this request sees it. Cheap where nothing is buffered.
    #[must_use]
    pub fn data(&self) -> Data {
        let (mut data, buffer) = self.view();
        buffer.apply(&mut data);
        data
    }

    fn request(&self) -> Option<&Request> {
        self.inner.request.get()
    }

    /// The lock is held for moments, and what is done under it does not panic; should it have been
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

    /// Data and buffer, by pointer.
    fn view(&self) -> (Data, Patch) {
        let state = self.state();
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
            Loaded::Without(Absence::Refused(Refusal::BackendFailed)) => {
                Err(Error::from_kind(ErrorKind::Unavailable))
            }
            Loaded::Without(_) => Err(Error::from_kind(ErrorKind::NoSession)),
        }
    }

    /// The session that is there, with its user, for an operation that needs somebody signed in.
    fn signed_in(&self) -> Result<(Live, UserId), Error> {
        self.with_user(|live, user| (live.clone(), user.clone()))
    }

    fn with_user<T>(&self, read: impl FnOnce(&Live, &UserId) -> T) -> Result<T, Error> {
        let state = self.state();
        let kind = match &state.loaded {
            // Nobody knows, and that is not "nobody".
            Loaded::Without(Absence::Refused(Refusal::BackendFailed)) => ErrorKind::Unavailable,
            Loaded::Without(_) => ErrorKind::Unauthenticated,
            // A sign-in whose answer was lost: it may be another user by now.
            Loaded::With(_)
                if matches!(state.unanswered, Some(Unanswered::New { signs_in: true, .. })) =>
            {
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
        if let Some(id) = id {
            event = event.session(id, user);
        }
        self.inner.store.emit(&event);
    }

    /// For operations that a decided response cannot tell the browser of.
    fn not_decided(&self) -> Result<(), Error> {
        if self.unsettled().decided { Err(Error::from_kind(ErrorKind::LateWrite)) } else { Ok(()) }
    }

    /// The session turned out to have ended: the request is now one whose token was refused. The
    /// buffer stays, so that the response reports what could not be stored.
    fn ended_meanwhile(&self) -> Error {
        let mut state = self.unsettled();
        state.loaded = Loaded::Without(Absence::Refused(Refusal::Ended));
        state.size = None;
        state.unanswered = None;
        Error::from_kind(ErrorKind::SessionEnded)
    }
}

impl State {
    /// Puts into the session's data what this request has saved. Late, because most requests save at
    /// their end, and nobody looks at the data after that: it would be copied for nothing.
    fn settle(&mut self) {
        if let Loaded::With(live) = &mut self.loaded
            && (live.session.version != live.version || !live.saved.is_empty())
        {
            let session = Arc::make_mut(&mut live.session);
            std::mem::take(&mut live.saved).apply(&mut session.data);
            session.version = live.version;
        }
    }

    fn stored(&self) -> Data {
        match &self.loaded {
            Loaded::With(live) => live.session.data.clone(),
            Loaded::Without(_) => Data::new(),
        }
    }

    /// What is under a key, as this request sees it.
    fn value(&self, key: &str) -> Option<&Value> {
        match (self.buffer.get(key), &self.loaded) {
            (Some(buffered), _) => buffered,
            (None, Loaded::With(live)) => live.session.data.get(key),
            (None, Loaded::Without(_)) => None,
        }
    }

    fn signed_in(&self) -> bool {
        matches!(&self.loaded, Loaded::With(live) if live.session.is_authenticated())
    }

    fn forget_buffer(&mut self) {
        self.buffer = Patch::new();
        self.size = None;
    }

    /// Takes out of the buffer what was saved; what was written meanwhile stays.
    fn saved(&mut self, saved: &Patch) {
        self.buffer.subtract(saved);
        self.size = None;
    }

    /// Takes in what the backend answered.
    fn replace(&mut self, live: Live) {
        self.loaded = Loaded::With(live);
        self.size = None;
        self.unanswered = None;
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
