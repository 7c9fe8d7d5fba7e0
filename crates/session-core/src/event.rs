//! What happened to sessions: told to `tracing`, and to the application's own hook.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::client::fingerprint::MismatchAction;
use crate::client::meta::SessionMeta;
use crate::id::{SessionId, UserId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A session was made: anonymous, or by the sign-in that is told of next.
    Created,
    /// Somebody signed in, which made the session.
    Authenticated,
    /// The session's user proved again who they are; its token rotated.
    Reauthenticated,
    /// The session's token rotated.
    Rotated,
    /// The session was ended from elsewhere: by its user from another session, by an administrator,
    /// or because its fingerprint did not match.
    Revoked,
    /// The session ended because its user has too many. Not told of a sign-in whose answer was lost: which
    /// ones it ended is not known then.
    Evicted,
    /// The session's user signed out, here or everywhere.
    SignedOut,
    /// The browser is another than the one that the session began in.
    FingerprintMismatch(MismatchAction),
    /// The browser says nothing of itself that could be compared; the session goes on.
    FingerprintUnrecognised,
    /// Several cookies of our name stood for several live sessions; none was used.
    AmbiguousToken,
    /// Buffered data was dropped because the request switched to another user.
    DataDroppedOnUserSwitch,
    /// Buffered data was dropped because the handler answered with a server error or a time-out.
    DataDroppedOnServerError,
    /// What was buffered for a session that ended meanwhile was dropped, because the request started over.
    DataDroppedOnStartOver,
    /// The browser did not get a token that was issued: the client went away, or a panic or a time-out
    /// passed through the session's layer. Its user has to sign in again.
    TokenLost,
    /// A token ended more than two seconds in the future, by the clock of the server that ended it: the
    /// servers' clocks do not agree.
    ClockSkew,
    /// A touch failed; the response went out all the same.
    TouchFailed,
    /// A session expired, and was deleted: see
    /// [`SessionStore::with_expired_events`](crate::SessionStore::with_expired_events). Else nobody is told.
    Expired,
    /// Expired sessions were deleted: how many.
    Purged(u64),
    /// The backend began to fail: an outage. Told once, whatever fails after it.
    OutageBegan,
    /// The backend answers again. An outage that only some calls meet ends when none has failed for ten
    /// seconds; it may have ended and begun once before that was seen.
    OutageEnded {
        /// From the first call that failed to the first that did not fail again.
        lasted: Duration,
        /// How many calls to the backend failed. A request may make several.
        failed: u64,
    },
    /// A `Secure` cookie went out over what is known to be plain HTTP, where browsers drop it. Told once
    /// for a store.
    SecureOverHttp,
}

impl EventKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Authenticated => "authenticated",
            Self::Reauthenticated => "reauthenticated",
            Self::Rotated => "rotated",
            Self::Revoked => "revoked",
            Self::Evicted => "evicted",
            Self::SignedOut => "signed out",
            Self::FingerprintMismatch(_) => "fingerprint mismatch",
            Self::FingerprintUnrecognised => "fingerprint unrecognised",
            Self::AmbiguousToken => "ambiguous token",
            Self::DataDroppedOnUserSwitch => "data dropped: another user signed in",
            Self::DataDroppedOnServerError => "data dropped: the handler failed",
            Self::DataDroppedOnStartOver => "data dropped: the request started over",
            Self::TokenLost => "token lost: the browser did not get it",
            Self::ClockSkew => "the servers' clocks do not agree",
            Self::TouchFailed => "touch failed",
            Self::Expired => "expired",
            Self::Purged(_) => "purged",
            Self::OutageBegan => "outage began",
            Self::OutageEnded { .. } => "outage ended",
            Self::SecureOverHttp => "Secure cookie over plain HTTP",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::FingerprintMismatch(action) => write!(f, " ({action:?})"),
            Self::Purged(count) => write!(f, " ({count})"),
            Self::OutageEnded { lasted, failed } => {
                write!(f, " ({failed} calls failed in {lasted:?})")
            }
            _ => Ok(()),
        }
    }
}

/// Something that happened, with whom it concerns. Holds nothing secret.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SessionEvent<'a> {
    /// What happened.
    pub kind: EventKind,
    /// The session's public name, if it is about one.
    pub id: Option<SessionId>,
    /// The session's user, if it has one.
    pub user: Option<&'a UserId>,
    /// The client whose request caused it, if one did.
    pub meta: Option<&'a SessionMeta>,
}

impl<'a> SessionEvent<'a> {
    pub(crate) const fn new(kind: EventKind) -> Self {
        Self { kind, id: None, user: None, meta: None }
    }

    pub(crate) const fn session(mut self, id: SessionId, user: Option<&'a UserId>) -> Self {
        self.id = Some(id);
        self.user = user;
        self
    }

    pub(crate) const fn caused_by(mut self, meta: Option<&'a SessionMeta>) -> Self {
        self.meta = meta;
        self
    }
}

/// The application's own ear. Called where the event happens, so it should be quick.
pub(crate) type Hook = Arc<dyn Fn(&SessionEvent<'_>) + Send + Sync>;

/// Tells `tracing` and the hook. What happened has happened, so a hook that panics is caught and
/// logged: it must not turn a sign-in that committed into an error. In an outage the log has no line for
/// each request that dropped its data.
pub(crate) fn emit(hook: Option<&Hook>, event: &SessionEvent<'_>, in_outage: bool) {
    let session = event.id.map(tracing::field::display);
    let user = event.user.map(|user| tracing::field::display(user.as_str().escape_debug()));
    let ip = event.meta.and_then(SessionMeta::ip_address).map(tracing::field::display);
    match event.kind {
        EventKind::DataDroppedOnServerError if in_outage => {
            tracing::debug!(target: "session", session, user, ip, "{}", event.kind);
        }
        EventKind::FingerprintMismatch(_)
        | EventKind::AmbiguousToken
        | EventKind::DataDroppedOnServerError
        | EventKind::DataDroppedOnUserSwitch
        | EventKind::DataDroppedOnStartOver
        | EventKind::TokenLost
        | EventKind::ClockSkew => {
            tracing::warn!(target: "session", session, user, ip, "{}", event.kind);
        }
        // What a touch fails of is an outage, which is said already.
        EventKind::Created
        | EventKind::Rotated
        | EventKind::FingerprintUnrecognised
        | EventKind::Expired
        | EventKind::TouchFailed => {
            tracing::debug!(target: "session", session, user, ip, "{}", event.kind);
        }
        EventKind::Authenticated
        | EventKind::Reauthenticated
        | EventKind::Revoked
        | EventKind::Evicted
        | EventKind::SignedOut
        | EventKind::Purged(_) => {
            tracing::info!(target: "session", session, user, ip, "{}", event.kind);
        }
        // The store has said why, or what to do.
        EventKind::OutageBegan | EventKind::OutageEnded { .. } | EventKind::SecureOverHttp => {}
    }
    if let Some(hook) = hook
        && catch_unwind(AssertUnwindSafe(|| hook(event))).is_err()
    {
        tracing::error!(target: "session", "the session event hook panicked at: {}", event.kind);
    }
}
