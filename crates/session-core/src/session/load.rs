//! Loading: from the cookie to a session, or to the reason why there is none.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue, header};

use super::looked_up::{Dead, LookedUp};
use super::turn::Told;
use super::{FoundAs, Live, Loaded, Session, Token, Visit};
use crate::backend::Found;
use crate::bearer::{self, Brought};
use crate::client::meta::SessionMeta;
use crate::client::plain;
use crate::client::scheme::{self, Scheme};
use crate::client::site::{self, Sent};
use crate::clock::Timestamp;
use crate::config::OnBackendError;
use crate::cookie::{Candidates, CookieRules, Presented};
use crate::dead_token::{DeadToken, Ended};
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::lifecycle::{Absence, Refusal};
use crate::record::SessionData;
use crate::settings::Settings;
use crate::token::SessionToken;
use crate::watch::Watch;

/// What is kept of a request: no more than is needed after its headers are gone. Nothing is decoded
/// before somebody asks: header values are shared, not copied.
pub(super) struct Request {
    /// The first Cookie header, and what is behind it: nearly every request brings one at most. If it
    /// brings a bearer, then its Authorization header, and no cookie.
    credential: Option<HeaderValue>,
    more_cookies: Vec<HeaderValue>,
    /// Whether it brings a bearer, well-formed or not.
    is_bearer: bool,
    meta: SessionMeta,
    /// Whether the response's cookie is marked `Secure`.
    secure: bool,
    /// Whether it is known that the browser then drops a new one. Looked at only while nobody has said so.
    drops_secure: bool,
    /// Whether the browser may have held the cookie back, because another site made it send this.
    is_cross_site: bool,
    /// When it arrived, if that is not when its session is loaded.
    arrived: OnceLock<Timestamp>,
}

impl Request {
    pub(super) fn new(
        sent: Sent<'_>,
        connection: Option<Scheme>,
        settings: &Settings,
        watch: &Watch,
        accepts_bearer: bool,
    ) -> Self {
        let Sent { headers, peer, .. } = sent;
        let named = Named::of(headers);
        let bearer = if accepts_bearer { bearer::brought(headers) } else { None };
        let is_bearer = bearer.is_some();
        let scheme = || {
            let header = settings.config.forwarded_header;
            scheme::scheme(headers, peer, &settings.trusted, header, connection)
        };
        // One that sends `Sec-Fetch-Site` keeps it, and so may one that sends cookies at all. The others are
        // new to the site, or drop what it sends; only they are looked at more closely.
        let drops_secure = settings.cookie.is_always_secure()
            && named.sec_fetch_site.is_none()
            && watch.looks_for_plain()
            && named.cookie.is_none()
            && plain::drops_secure(
                sent,
                &settings.trusted,
                settings.config.forwarded_header,
                connection,
            );
        Self {
            drops_secure,
            credential: match bearer {
                Some(Brought(header)) => header,
                None => named.cookie.cloned(),
            },
            more_cookies: if is_bearer { Vec::new() } else { named.more_cookies },
            is_bearer,
            meta: SessionMeta::new(headers, named.user_agent, peer, settings),
            secure: if settings.cookie.secure_depends() {
                settings.cookie.secure_over(scheme())
            } else {
                settings.cookie.secure()
            },
            // No browser sends a bearer by itself, so nothing was held back.
            is_cross_site: settings.refuses_cross_site()
                && !is_bearer
                && site::may_have_held_back(
                    sent,
                    named.sec_fetch_site,
                    &settings.trusted,
                    settings.config.forwarded_header,
                ),
            arrived: OnceLock::new(),
        }
    }

    pub(super) fn arrives(&self, at: Timestamp) {
        let _ = self.arrived.set(at);
    }

    pub(super) const fn meta(&self) -> &SessionMeta {
        &self.meta
    }

    pub(super) const fn secure(&self) -> bool {
        self.secure
    }

    pub(super) const fn drops_secure(&self) -> bool {
        self.drops_secure
    }

    pub(super) const fn is_cross_site(&self) -> bool {
        self.is_cross_site
    }

    /// Whether its token came in `Authorization`: then no cookie is read, and none is set.
    pub(super) const fn is_bearer(&self) -> bool {
        self.is_bearer
    }

    /// The different tokens that it brings.
    pub(super) fn candidates(&self, rules: &CookieRules) -> Candidates<'_> {
        if self.is_bearer {
            rules.candidates_of(self.credential.as_ref().and_then(bearer::token_in))
        } else {
            rules.candidates_in(self.cookies())
        }
    }

    /// All that it brings, for a sign-out.
    pub(super) fn presented(&self, rules: &CookieRules) -> Presented<'_> {
        if self.is_bearer {
            rules.presented_of(self.credential.as_ref().and_then(bearer::token_in))
        } else {
            rules.presented_in(self.cookies())
        }
    }

    pub(super) fn cookies(&self) -> impl Iterator<Item = &HeaderValue> {
        self.credential.iter().chain(&self.more_cookies)
    }
}

/// The headers that are looked at of every request. It has few, and a pass over their names costs less than
/// to look each of these up.
#[derive(Default)]
struct Named<'h> {
    cookie: Option<&'h HeaderValue>,
    more_cookies: Vec<HeaderValue>,
    user_agent: Option<&'h HeaderValue>,
    sec_fetch_site: Option<&'h HeaderValue>,
}

impl<'h> Named<'h> {
    fn of(headers: &'h HeaderMap) -> Self {
        let mut named = Self::default();
        for (name, value) in headers {
            if *name == header::COOKIE {
                match named.cookie {
                    None => named.cookie = Some(value),
                    Some(_) => named.more_cookies.push(value.clone()),
                }
            } else if *name == header::USER_AGENT {
                named.user_agent.get_or_insert(value);
            } else if *name == site::SEC_FETCH_SITE {
                named.sec_fetch_site.get_or_insert(value);
            }
        }
        named
    }
}

impl Visit {
    /// Loads the session and gives it out to somebody who asked for it. One read if the request brings a
    /// token, none if it does not; a second call gives out the same.
    ///
    /// If the browser is another than the one that the session began in, this may also end the
    /// session: see [`MismatchAction`](crate::MismatchAction).
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
        self.load_unasked().await?;
        self.session().inner.phase.mark_asked_for();
        Ok(self.session().clone())
    }

    /// Loads the session before anybody has asked for it. That alone is no use of it, which caches would
    /// have to be told.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancellation
    /// The next call begins anew.
    pub async fn load_unasked(&self) -> Result<(), Error> {
        if self.is_loaded() {
            return Ok(());
        }
        let session = self.session();
        let request = session.request().ok_or_else(|| {
            Error::from_kind(ErrorKind::Misconfigured)
                .with_context("the session was asked for before an adapter attached its request")
        })?;
        let tell = |told: Told| session.emit(told.kind, told.id, told.user.as_ref());
        let found = match session.look_up(request, tell).await {
            Ok(found) => found,
            Err(error) => {
                self.store().tell_noticed();
                if self.store().config().on_backend_error != OnBackendError::Anonymous {
                    return Err(error);
                }
                // The store has said that an outage began.
                tracing::debug!(
                    target: "session",
                    error = &error as &dyn std::error::Error,
                    "the session could not be loaded; going on as a visitor"
                );
                LookedUp::without(Absence::Refused(Refusal::BackendFailed))
            }
        };
        #[cfg(feature = "metrics")]
        if let Some(why) = session.why_none(request, &found) {
            crate::metrics::refused(why);
        }
        {
            let mut state = session.unsettled();
            // Two who asked at the same moment: the first one's counts.
            if !self.is_loaded() {
                state.found(found);
                state.decided = session.inner.phase.load();
            }
        }
        self.store().tell_noticed();
        Ok(())
    }
}

impl Session {
    /// Looks once more for a session that an outage kept from being loaded.
    pub(super) async fn look_up_again(&self, told: &mut Vec<Told>) -> Result<(), Error> {
        let Some(request) = self.request() else { return Ok(()) };
        let found = self.look_up(request, |event| told.push(event)).await?;
        self.unsettled().found(found);
        Ok(())
    }

    async fn look_up(
        &self,
        request: &Request,
        mut tell: impl FnMut(Told),
    ) -> Result<LookedUp, Error> {
        let store = &self.inner.store;
        let mut live: Option<Live> = None;
        let mut dead = Dead::default();
        let candidates = request.candidates(self.rules());
        for token in candidates.iter() {
            let token = SessionToken::from_lower_hex(token);
            let now = store.now();
            let hash = token.hash();
            let (session, found_as) = match store.call(store.backend().find(&hash, now)).await? {
                Some(Found::Live { session, token_seen }) => {
                    (session, FoundAs::Current { seen: token_seen })
                }
                Some(Found::Grace { session, .. }) => (session, FoundAs::InGrace),
                Some(Found::Ended { id, how, at, successor_seen }) => {
                    let token = DeadToken { ended: Ended { how, at }, successor_seen };
                    if token.is_from_the_future(now) {
                        tell(Told { kind: EventKind::ClockSkew, id: Some(id), user: None });
                    }
                    let arrived = request.arrived.get().copied().unwrap_or(now);
                    dead.add(id, hash, token, arrived);
                    continue;
                }
                None => continue,
            };
            // Tightened lifetimes hold at once, whatever the record says.
            if expiry::end(store.settings(), &session) <= now {
                continue;
            }
            let token = Token::Presented(token);
            let this = Live::found(session, token, hash, found_as);
            live = match live.take() {
                None => Some(this),
                Some(other) => match which_counts(other, this) {
                    Ok(counts) => Some(counts),
                    Err(other) => {
                        tell(Told::of(EventKind::AmbiguousToken, &other));
                        return Ok(LookedUp::without(Absence::Refused(Refusal::Ambiguous)));
                    }
                },
            };
        }
        if let Some(this) = live.take_if(|live| live.session.impersonator.is_some()) {
            // Boxed: few requests are an impersonation's.
            match Box::pin(self.over(&this.session, this.hash)).await? {
                None => live = Some(this),
                Some(how) => {
                    let now = store.now();
                    let token = DeadToken { ended: Ended { how, at: now }, successor_seen: false };
                    dead.add(this.session.id, this.hash, token, now);
                    tell(Told::of(EventKind::Revoked, &this.session));
                }
            }
        }
        let absence = match live {
            Some(live) if self.is_known_browser(&live.session, request) => {
                return Ok(Loaded::With(live).into());
            }
            Some(live) => {
                return Ok(Box::pin(self.check_fingerprint(live, request, tell)).await?.into());
            }
            // A program has to be handed its new token, so nothing makes it a session by the way.
            None if dead.is_followed || request.is_bearer => Absence::Refused(Refusal::Ended),
            // A good one may be among those that were not looked at.
            None if candidates.truncated() => Absence::Refused(Refusal::Ambiguous),
            // A cookie that came was not held back.
            None if let Some(visitor) = self.open_visitor(request, &mut tell) => {
                let loaded = Loaded::Without(Absence::Visitor);
                return Ok(LookedUp { loaded, past: dead.past, visitor: Some(visitor) });
            }
            None if request.is_cross_site => Absence::Refused(Refusal::CrossSite),
            // A dead token that is not followed, or one that nobody knows, stands in nobody's way. It is
            // left alone: to clear it would race with a sign-in in the tab beside it, and the cookie ends
            // at its Max-Age by itself.
            None => Absence::Visitor,
        };
        Ok(LookedUp { loaded: Loaded::Without(absence), past: dead.past, visitor: None })
    }
}

/// Of two live sessions of one request the one that counts; else the second one's record.
fn which_counts(one: Live, other: Live) -> Result<Live, Arc<SessionData>> {
    if one.session.id == other.session.id {
        // Two tokens of one session: the current one.
        return Ok(if one.current || !other.current { one } else { other });
    }
    if one.session.user_id.is_none() || one.session.user_id != other.session.user_id {
        return Err(other.session);
    }
    // Two of one user: the one that was authenticated last.
    let last = |live: &Live| (live.session.authenticated_at, live.session.id);
    Ok(if last(&one) >= last(&other) { one } else { other })
}
