//! Counts and times of what happens to sessions, for an exporter of metrics: the feature `metrics`.
//!
//! They go through the crate [`metrics`](https://docs.rs/metrics) to whichever recorder the application
//! installed; without one they go nowhere. Without the feature there is none of this. Names and units follow
//! OpenTelemetry's conventions: dots between namespaces, UCUM units, no unit and no `total` in a name. An
//! exporter for Prometheus writes `web_session_backend_call_duration_seconds` for
//! `web_session.backend.call.duration`.
//!
//! No label holds a user, a session, an address, a token or anything else that a client can choose: the
//! number of series is bounded by this table.
//!
//! | Metric | Kind | Unit | Labels | Counts |
//! | --- | --- | --- | --- | --- |
//! | [`web_session.created`](CREATED) | counter | `{session}` | `kind`: `anonymous`, `signed_in` | sessions that were made |
//! | [`web_session.sign_ins`](SIGN_INS) | counter | `{sign_in}` | | sign-ins. Failed ones are not known here |
//! | [`web_session.impersonations`](IMPERSONATIONS) | counter | `{session}` | | sessions in which somebody acts in a user's place |
//! | [`web_session.reauthentications`](REAUTHENTICATIONS) | counter | `{reauthentication}` | | users who proved again who they are |
//! | [`web_session.rotations`](ROTATIONS) | counter | `{rotation}` | | plain rotations of a token |
//! | [`web_session.ended`](ENDED) | counter | `{session}` | `reason`: `signed_out`, `revoked`, `evicted` | sessions that ended before they expired |
//! | [`web_session.fingerprint.mismatches`](MISMATCHES) | counter | `{request}` | `action`: `reject`, `revoke`, `report` | requests by another kind of browser |
//! | [`web_session.fingerprint.unrecognised`](UNRECOGNISED) | counter | `{request}` | | requests whose browser says nothing that could be compared |
//! | [`web_session.tokens.refused`](REFUSED) | counter | `{request}` | `reason`: see [`REFUSED`] | requests whose cookie stood for no session |
//! | [`web_session.tokens.lost`](TOKENS_LOST) | counter | `{token}` | | tokens that were issued and did not reach their browser |
//! | [`web_session.data.dropped`](DATA_DROPPED) | counter | `{request}` | `reason`: `server_error`, `user_switch`, `start_over` | requests whose buffered data was dropped |
//! | [`web_session.cookies.set`](COOKIES) | counter | `{cookie}` | `action`: `issued`, `renewed`, `removed`, `sealed` | Set-Cookie headers |
//! | [`web_session.touches.failed`](TOUCHES_FAILED) | counter | `{request}` | | requests whose use of the session could not be written down |
//! | [`web_session.clock_skews`](CLOCK_SKEWS) | counter | `{token}` | | tokens that ended in the future, by another server's clock |
//! | [`web_session.insecure_cookies`](INSECURE_COOKIES) | counter | `{cookie}` | | 1 once a `Secure` cookie went out over plain HTTP; told once for a store |
//! | [`web_session.backend.call.duration`](CALLS) | histogram | `s` | `operation`, `outcome`: see [`CALLS`] | calls to the backend, and how long they took |
//! | [`web_session.backend.outages`](OUTAGES) | counter | `{outage}` | | outages that began |
//! | [`web_session.purge.removed`](PURGED) | counter | `{session}` | | expired sessions that were deleted |
//! | [`web_session.purge.batches`](PURGE_BATCHES) | counter | `{batch}` | `left`: `more`, `none` | batches, and whether more was due after them |
//! | [`web_session.purge.completed`](PURGE_COMPLETED) | gauge | `s` | | when a purge last found nothing more to delete, as Unix time: the lag is what has passed since |
//!
//! ```
//! use session_core::{MemoryBackend, SessionConfig, SessionStore, metrics};
//!
//! // First install the exporter's recorder, such as `PrometheusBuilder::new().install_recorder()`.
//! let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
//! // Only for a recorder that was installed after the store was made: the texts above, for its output.
//! metrics::describe();
//! # Ok::<(), session_core::InvalidConfig>(())
//! ```

mod backend;

use ::metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

pub(crate) use self::backend::metered;
use crate::backend::Purged;
use crate::client::fingerprint::MismatchAction;
use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::id::UserId;
use crate::lifecycle::Refusal;

/// Sessions that were made, by `kind`: `anonymous` or `signed_in`.
pub const CREATED: &str = "web_session.created";
/// Sign-ins. Each also counts as a session that was [made](CREATED).
pub const SIGN_INS: &str = "web_session.sign_ins";
/// Sessions in which somebody acts in a user's place. Each also counts as a session that was
/// [made](CREATED).
pub const IMPERSONATIONS: &str = "web_session.impersonations";
/// Users who proved again who they are.
pub const REAUTHENTICATIONS: &str = "web_session.reauthentications";
/// Plain rotations of a token.
pub const ROTATIONS: &str = "web_session.rotations";
/// Sessions that ended before they expired, by `reason`: `signed_out` (by their user, here or
/// everywhere), `revoked` (from elsewhere), `evicted` (above the cap). One that a sign-in replaced is not
/// told of.
pub const ENDED: &str = "web_session.ended";
/// Requests whose browser was another than the one that the session began in, by `action`: `reject`,
/// `revoke`, `report`.
pub const MISMATCHES: &str = "web_session.fingerprint.mismatches";
/// Requests whose browser says nothing of itself that could be compared.
pub const UNRECOGNISED: &str = "web_session.fingerprint.unrecognised";
/// Requests that brought a cookie of our name, or may have, and have no session, by `reason`:
/// - `malformed`: no well-formed token, or a wrong signature;
/// - `unknown`: a token that nobody knows: it expired, ended five minutes ago or longer, or was never issued;
/// - `ended`: one that ended, and does not stand in the way of a new session;
/// - `followed`: one that ended, and whose browser has a newer one or is about to get it;
/// - `fingerprint`: presented by another kind of browser;
/// - `ambiguous`: several live ones;
/// - `cross_site`: from another site, and the cookie may have been held back;
/// - `backend_failed`: the backend could not be asked, with `on_backend_error: anonymous`.
pub const REFUSED: &str = "web_session.tokens.refused";
/// Tokens that were issued and did not reach their browser.
pub const TOKENS_LOST: &str = "web_session.tokens.lost";
/// Requests whose buffered data was dropped, by `reason`: `server_error`, `user_switch`, `start_over`.
pub const DATA_DROPPED: &str = "web_session.data.dropped";
/// Set-Cookie headers, by `action`: `issued` (a new token), `renewed` (the same token, a new Max-Age),
/// `removed`, `sealed` (a visitor's data, with `anonymous_store: cookie`).
pub const COOKIES: &str = "web_session.cookies.set";
/// Requests whose use of the session could not be written down.
pub const TOUCHES_FAILED: &str = "web_session.touches.failed";
/// Tokens that ended more than two seconds in the future.
pub const CLOCK_SKEWS: &str = "web_session.clock_skews";
/// `Secure` cookies that went out over plain HTTP; only the first one of a store is counted.
pub const INSECURE_COOKIES: &str = "web_session.insecure_cookies";
/// Seconds that calls to the backend took, and with that how many there were. By `operation`: the name of
/// the method of [`SessionBackend`](crate::SessionBackend). By `outcome`: `ok`; what says that nothing
/// happened, `conflict`, `too_large`, `acting_ended`; what failed, `unavailable`, `corrupt`, `other`;
/// `timeout`, given up after `backend_timeout_ms`; `cancelled`, dropped before because its client went away.
pub const CALLS: &str = "web_session.backend.call.duration";
/// Bounds of a histogram's buckets that suit [`CALLS`], in seconds: those that OpenTelemetry advises for
/// `db.client.operation.duration`.
pub const CALL_BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Outages that began. Clones of a store that have hooks of their own count for themselves.
pub const OUTAGES: &str = "web_session.backend.outages";
/// Expired sessions that were deleted.
pub const PURGED: &str = "web_session.purge.removed";
/// Batches of a purge, by what they `left`: `more`, or `none` if nothing more was due.
pub const PURGE_BATCHES: &str = "web_session.purge.batches";
/// When a purge last found nothing more to delete, in seconds of Unix time by the store's clock.
pub const PURGE_COMPLETED: &str = "web_session.purge.completed";

/// What each metric is: its kind, unit, and text.
const ALL: [(&str, Kind, Unit, &str); 20] = [
    (CREATED, Kind::Counter, Unit::Count, "sessions that were made"),
    (SIGN_INS, Kind::Counter, Unit::Count, "sign-ins"),
    (IMPERSONATIONS, Kind::Counter, Unit::Count, "sessions begun in a user's place"),
    (REAUTHENTICATIONS, Kind::Counter, Unit::Count, "users who proved again who they are"),
    (ROTATIONS, Kind::Counter, Unit::Count, "plain rotations of a token"),
    (ENDED, Kind::Counter, Unit::Count, "sessions that ended before they expired"),
    (MISMATCHES, Kind::Counter, Unit::Count, "requests by another kind of browser"),
    (UNRECOGNISED, Kind::Counter, Unit::Count, "requests whose browser could not be compared"),
    (REFUSED, Kind::Counter, Unit::Count, "requests whose cookie stood for no session"),
    (TOKENS_LOST, Kind::Counter, Unit::Count, "tokens that did not reach their browser"),
    (DATA_DROPPED, Kind::Counter, Unit::Count, "requests whose buffered data was dropped"),
    (COOKIES, Kind::Counter, Unit::Count, "Set-Cookie headers"),
    (TOUCHES_FAILED, Kind::Counter, Unit::Count, "uses that could not be written down"),
    (CLOCK_SKEWS, Kind::Counter, Unit::Count, "tokens that ended in the future"),
    (INSECURE_COOKIES, Kind::Counter, Unit::Count, "Secure cookies over plain HTTP, first only"),
    (CALLS, Kind::Histogram, Unit::Seconds, "calls to the backend, and how long they took"),
    (OUTAGES, Kind::Counter, Unit::Count, "outages that began"),
    (PURGED, Kind::Counter, Unit::Count, "expired sessions that were deleted"),
    (PURGE_BATCHES, Kind::Counter, Unit::Count, "batches of a purge"),
    (PURGE_COMPLETED, Kind::Gauge, Unit::Seconds, "when a purge last came to its end, Unix time"),
];

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Tells the recorder each metric's unit and text. Making a store does it; call it if the recorder is
/// installed after that. Once more does no harm.
pub fn describe() {
    for (name, kind, unit, text) in ALL {
        match kind {
            Kind::Counter => describe_counter!(name, unit, text),
            Kind::Gauge => describe_gauge!(name, unit, text),
            Kind::Histogram => describe_histogram!(name, unit, text),
        }
    }
}

/// Something happened that is also an event.
pub(crate) fn event(kind: EventKind, user: Option<&UserId>) {
    match kind {
        EventKind::Created => {
            let kind = if user.is_some() { "signed_in" } else { "anonymous" };
            counter!(CREATED, "kind" => kind).increment(1);
        }
        EventKind::Authenticated => counter!(SIGN_INS).increment(1),
        EventKind::Impersonated => counter!(IMPERSONATIONS).increment(1),
        EventKind::Reauthenticated => counter!(REAUTHENTICATIONS).increment(1),
        EventKind::Rotated => counter!(ROTATIONS).increment(1),
        EventKind::SignedOut => counter!(ENDED, "reason" => "signed_out").increment(1),
        EventKind::Revoked => counter!(ENDED, "reason" => "revoked").increment(1),
        EventKind::Evicted => counter!(ENDED, "reason" => "evicted").increment(1),
        EventKind::FingerprintMismatch(action) => {
            let action = match action {
                MismatchAction::Reject => "reject",
                MismatchAction::Revoke => "revoke",
                MismatchAction::Report => "report",
            };
            counter!(MISMATCHES, "action" => action).increment(1);
        }
        EventKind::FingerprintUnrecognised => counter!(UNRECOGNISED).increment(1),
        // Told by what became of the request's token.
        EventKind::AmbiguousToken => {}
        EventKind::DataDroppedOnServerError => dropped("server_error"),
        EventKind::DataDroppedOnUserSwitch => dropped("user_switch"),
        EventKind::DataDroppedOnStartOver => dropped("start_over"),
        EventKind::TokenLost => counter!(TOKENS_LOST).increment(1),
        EventKind::ClockSkew => counter!(CLOCK_SKEWS).increment(1),
        EventKind::TouchFailed => counter!(TOUCHES_FAILED).increment(1),
        // Counted by the batch that they went with.
        EventKind::Expired => {}
        EventKind::Purged(count) => counter!(PURGED).increment(count),
        EventKind::OutageBegan => counter!(OUTAGES).increment(1),
        // How many calls failed is told by the calls.
        EventKind::OutageEnded { .. } => {}
        EventKind::SecureOverHttp => counter!(INSECURE_COOKIES).increment(1),
    }
}

fn dropped(reason: &'static str) {
    counter!(DATA_DROPPED, "reason" => reason).increment(1);
}

/// Why a request that sent a cookie has no session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NoSession {
    Refused(Refusal),
    Ended,
    Unknown,
    Malformed,
}

/// A request's cookie stood for no session.
#[cold]
pub(crate) fn refused(why: NoSession) {
    let reason = match why {
        NoSession::Refused(Refusal::Ended) => "followed",
        NoSession::Refused(Refusal::Fingerprint) => "fingerprint",
        NoSession::Refused(Refusal::Ambiguous) => "ambiguous",
        NoSession::Refused(Refusal::CrossSite) => "cross_site",
        NoSession::Refused(Refusal::BackendFailed) => "backend_failed",
        NoSession::Ended => "ended",
        NoSession::Unknown => "unknown",
        NoSession::Malformed => "malformed",
    };
    counter!(REFUSED, "reason" => reason).increment(1);
}

/// What a response's cookie does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetCookie {
    Issued,
    Renewed,
    Removed,
    Sealed,
}

/// A response carries a cookie.
pub(crate) fn cookie_set(what: SetCookie) {
    let action = match what {
        SetCookie::Issued => "issued",
        SetCookie::Renewed => "renewed",
        SetCookie::Removed => "removed",
        SetCookie::Sealed => "sealed",
    };
    counter!(COOKIES, "action" => action).increment(1);
}

/// A batch of a purge came to its end.
pub(crate) fn purged(batch: &Purged, now: Timestamp) {
    let left = if batch.more { "more" } else { "none" };
    counter!(PURGE_BATCHES, "left" => left).increment(1);
    if !batch.more {
        #[expect(
            clippy::cast_precision_loss,
            reason = "exact to the millisecond for 285,000 years"
        )]
        gauge!(PURGE_COMPLETED).set(now.as_unix_millis() as f64 / 1000.0);
    }
}

/// A call to the backend came to its end, or was dropped.
fn called(operation: &'static str, outcome: &'static str, took: std::time::Duration) {
    histogram!(CALLS, "operation" => operation, "outcome" => outcome).record(took);
}
