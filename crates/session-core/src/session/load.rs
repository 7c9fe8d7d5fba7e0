//! Loading: from the cookie to a session, or to the reason why there is none.

use http::{HeaderMap, HeaderValue, header};

use super::turn::Told;
use super::{Live, Loaded, Session, Token, Visit};
use crate::backend::{EndedBy, Found, SessionRef};
use crate::client::fingerprint::{self, FingerprintMode, MismatchAction, Verdict};
use crate::client::meta::SessionMeta;
use crate::client::proxies::Peer;
use crate::client::scheme::{self, Scheme};
use crate::config::{OnBackendError, Settings};
use crate::cookie::Candidate;
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::lifecycle::{Absence, Refusal};
use crate::record::SessionData;
use crate::token::SessionToken;

/// What is kept of a request: no more than is needed after its headers are gone. Nothing is decoded
/// before somebody asks: header values are shared, not copied.
pub(super) struct Request {
    /// The first Cookie header, and what is behind it: nearly every request brings one at most.
    cookie: Option<HeaderValue>,
    more_cookies: Vec<HeaderValue>,
    meta: SessionMeta,
    /// Whether the response's cookie is marked `Secure`.
    secure: bool,
}

impl Request {
    pub(super) fn new(
        headers: &HeaderMap,
        peer: Peer,
        connection: Option<Scheme>,
        settings: &Settings,
    ) -> Self {
        let mut cookies = headers.get_all(header::COOKIE).iter().cloned();
        let scheme = || {
            let header = settings.config.forwarded_header;
            scheme::scheme(headers, peer, &settings.trusted, header, connection)
        };
        Self {
            cookie: cookies.next(),
            more_cookies: cookies.collect(),
            meta: SessionMeta::new(headers, peer, settings),
            secure: if settings.cookie.secure_depends() {
                settings.cookie.secure_over(scheme())
            } else {
                settings.cookie.secure()
            },
        }
    }

    pub(super) const fn meta(&self) -> &SessionMeta {
        &self.meta
    }

    pub(super) const fn secure(&self) -> bool {
        self.secure
    }

    fn cookies(&self) -> impl Iterator<Item = &HeaderValue> {
        self.cookie.iter().chain(&self.more_cookies)
    }
}

impl Visit {
    /// Loads the session and gives it out. One read if the request brings a token, none if it does
    /// not; a second call gives out the same.
    ///
    /// If the browser is another than the one that the session began in, this may also end the
    /// session: see [`MismatchAction`].
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) or [`BackendFailed`](ErrorKind::BackendFailed) if the
    /// backend failed: nothing is known then, and the next call tries again. With
    /// [`OnBackendError::Anonymous`] the request goes on as a visitor's instead.
    /// [`Misconfigured`](ErrorKind::Misconfigured) if no request was attached.
    ///
    /// # Cancellation
    /// The next call begins anew.
    pub async fn load(&self) -> Result<Session, Error> {
        if let Some(session) = self.loaded() {
            return Ok(session.clone());
        }
        let session = self.session();
        let request = session.request().ok_or_else(|| {
            Error::from_kind(ErrorKind::Misconfigured)
                .with_context("the session was asked for before an adapter attached its request")
        })?;
        let tell = |told: Told| session.emit(told.kind, told.id, told.user.as_ref());
        let loaded = match session.look_up(request, tell).await {
            Ok(loaded) => loaded,
            Err(error) if self.store().config().on_backend_error == OnBackendError::Anonymous => {
                tracing::warn!(
                    target: "session",
                    error = &error as &dyn std::error::Error,
                    "the session could not be loaded; going on as a visitor"
                );
                Loaded::Without(Absence::Refused(Refusal::BackendFailed))
            }
            Err(error) => return Err(error),
        };
        let mut state = session.unsettled();
        // Two who asked at the same moment: the first one's counts.
        if self.loaded().is_none() {
            state.loaded = loaded;
            state.decided = session.inner.phase.load();
        }
        drop(state);
        Ok(session.clone())
    }
}

impl Session {
    /// Looks once more for a session that an outage kept from being loaded.
    pub(super) async fn look_up_again(&self, told: &mut Vec<Told>) {
        let Some(request) = self.request() else { return };
        if let Ok(loaded) = self.look_up(request, |event| told.push(event)).await {
            let mut state = self.unsettled();
            state.loaded = loaded;
            state.size = None;
        }
    }

    async fn look_up(
        &self,
        request: &Request,
        mut tell: impl FnMut(Told),
    ) -> Result<Loaded, Error> {
        let store = &self.inner.store;
        let mut live: Option<Live> = None;
        let mut ended = false;
        let candidates = store.settings().cookie.candidates_in(request.cookies());
        for Candidate { token, is_up_to_date } in candidates.each() {
            let token = SessionToken::from_lower_hex(token);
            let now = store.now();
            let hash = token.hash();
            let (session, current) = match store.call(store.backend().find(&hash, now)).await? {
                Some(Found::Live(session)) => (session, true),
                Some(Found::Grace { session, .. }) => (session, false),
                Some(Found::Ended { .. }) => {
                    ended = true;
                    continue;
                }
                None => continue,
            };
            // Tightened lifetimes hold at once, whatever the record says.
            if expiry::end(store.settings(), &session) <= now {
                continue;
            }
            match &mut live {
                Some(other) if other.session.id != session.id => {
                    tell(Told::of(EventKind::AmbiguousToken, &session));
                    return Ok(Loaded::Without(Absence::Refused(Refusal::Ambiguous)));
                }
                // Two tokens of one session: the current one counts.
                Some(other) if other.current || !current => {}
                _ => {
                    let token = Token::Presented { token, is_up_to_date };
                    live = Some(Live::found(session, token, hash, current));
                }
            }
        }
        match live {
            Some(live) => self.check_fingerprint(live, request, tell).await,
            None if ended => Ok(Loaded::Without(Absence::Refused(Refusal::Ended))),
            // A good one may be among those that were not looked at, so the cookie is left alone.
            None if candidates.truncated() => {
                Ok(Loaded::Without(Absence::Refused(Refusal::Ambiguous)))
            }
            // A token that nobody knows is left alone: to clear it would race with a sign-in in the tab
            // beside it, and the cookie ends at its Max-Age by itself.
            None => Ok(Loaded::Without(Absence::Visitor)),
        }
    }

    async fn check_fingerprint(
        &self,
        mut live: Live,
        request: &Request,
        mut tell: impl FnMut(Told),
    ) -> Result<Loaded, Error> {
        let store = &self.inner.store;
        let config = store.config();
        if !config.validate_fingerprint {
            return Ok(Loaded::With(live));
        }
        let session: &SessionData = &live.session;
        let known = session.user_agent.as_deref();
        if config.fingerprint_mode == FingerprintMode::Stable && request.meta.agent_is(known) {
            return Ok(Loaded::With(live));
        }
        let agent = request.meta.user_agent();
        let verdict = fingerprint::check(
            config.fingerprint_mode,
            session.fingerprint.as_ref(),
            known,
            agent.as_deref(),
            || request.meta.fingerprint(),
        );
        match verdict {
            Verdict::Match => live.newer_agent = known != agent.as_deref(),
            Verdict::Unrecognised => {
                tell(Told::of(EventKind::FingerprintUnrecognised, session));
            }
            Verdict::Mismatch => {
                let action = config.on_fingerprint_mismatch;
                tell(Told::of(EventKind::FingerprintMismatch(action), session));
                match action {
                    MismatchAction::Report => {}
                    MismatchAction::Reject => {
                        return Ok(Loaded::Without(Absence::Refused(Refusal::Fingerprint)));
                    }
                    // Boxed, so that the common path does not carry room for it.
                    MismatchAction::Revoke => {
                        return Box::pin(self.revoke_mismatched(&live, tell)).await;
                    }
                }
            }
        }
        Ok(Loaded::With(live))
    }

    async fn revoke_mismatched(
        &self,
        live: &Live,
        mut tell: impl FnMut(Told),
    ) -> Result<Loaded, Error> {
        let store = &self.inner.store;
        let target: SessionRef = live.reference();
        let removal = store.backend().remove(&target, None, EndedBy::Revoked, store.now());
        // Where another request did it first, that one clears the cookie: a sign-in that replaced
        // the session may have set a new one meanwhile.
        if store.call(removal).await? {
            tell(Told::of(EventKind::Revoked, &live.session));
            let mut state = self.unsettled();
            // Not over what the handler did meanwhile, if another load was faster.
            if state.cookie == super::Cookie::Keep && !matches!(state.loaded, Loaded::With(_)) {
                state.cookie = super::Cookie::Remove;
            }
        }
        Ok(Loaded::Without(Absence::Refused(Refusal::Fingerprint)))
    }
}
