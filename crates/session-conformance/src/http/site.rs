//! [`Site`]: one application of the suite's, behind the adapter, with everything that a law moves.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, Uri, header};
use session_core::{
    AnonymousStore, Clock, EventKind, Found, ManualClock, Peer, SessionConfig, SessionData,
    SessionId, SessionStore, SessionToken, Signing, Timestamp, TokenHash, UserId,
};

use super::desk::{Desk, Gate, lock};
use super::harness::{App, Harness, Mount};
use super::lab::Lab;
use super::secrets::Secrets;
use crate::backends::{Calls, Watched};
use crate::db::NOW;

/// Where it is, by https.
pub(crate) const HOST: &str = "app.example.test";

/// An application that is up. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(crate) struct Site(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) app: Arc<dyn App>,
    pub(crate) store: SessionStore,
    /// The backend, for the law to watch and to break.
    pub(crate) probe: Watched,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) secrets: Arc<Secrets>,
    events: Arc<Mutex<Vec<EventKind>>>,
    /// How many of the backend's tokens [`Site::take_made`] has looked at.
    looked_at: AtomicUsize,
    /// Keeps the database for as long as the site is up.
    harness: Box<dyn Harness>,
}

impl Deref for Site {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Site {
    /// With the default configuration, mounted as it should be.
    pub(crate) async fn open(lab: &Lab) -> Self {
        Self::with(lab, |_| {}).await
    }

    pub(crate) async fn with(lab: &Lab, change: impl FnOnce(&mut SessionConfig)) -> Self {
        Self::mounted(lab, Mount::Once, change).await
    }

    pub(crate) async fn mounted(
        lab: &Lab,
        mount: Mount,
        change: impl FnOnce(&mut SessionConfig),
    ) -> Self {
        let mut config = SessionConfig {
            // Requests that wait for a law must not be given up, and sessions that a law has
            // forgotten must not end the ones that it looks at.
            backend_timeout_ms: 120_000,
            max_sessions_per_user: 1000,
            ..SessionConfig::default()
        };
        change(&mut config);
        if lab.cookie_visitors {
            config.anonymous_store = AnonymousStore::Cookie;
            if config.secrets.is_empty() {
                config.secrets = vec!["a secret of the suite's own".repeat(3).into()];
                config.signing = Some(Signing::Off);
            }
        }
        let harness = lab.harness().await;
        let secrets = lab.secrets.clone();
        let probe = Watched::shared(harness.backend());
        let clock = Arc::new(ManualClock::new(NOW));
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = events.clone();
        let said = secrets.clone();
        secrets.of_backend(probe.token_log());
        let store = SessionStore::new(probe.clone(), config)
            .expect("a configuration that can be meant")
            .with_clock(clock.clone())
            .on_event(move |event| {
                said.said(format!("{event:?}"));
                lock(&heard).push(event.kind);
            });
        secrets.said(format!("{store:?}"));
        let app = harness.mount(store.clone(), mount).await;
        let desk = Desk::open();
        Self(Arc::new(Parts {
            app,
            store,
            probe,
            clock,
            desk,
            secrets,
            events,
            looked_at: AtomicUsize::default(),
            harness,
        }))
    }

    /// The database as another server has it: what is asked there is not watched.
    pub(crate) fn backend_elsewhere(&self) -> Arc<dyn session_core::SessionBackend> {
        self.harness.backend()
    }

    /// Whether what visitors store is in their cookie: they have no row.
    pub(crate) fn has_cookie_visitors(&self) -> bool {
        self.store.config().anonymous_store == AnonymousStore::Cookie
    }

    /// What a visitor who stores something costs.
    pub(crate) fn visitor_made(&self) -> Calls {
        if self.has_cookie_visitors() { Calls::NONE } else { Calls { create: 1, ..Calls::NONE } }
    }

    /// Whether a cookie's value is a visitor's data.
    pub(crate) fn is_sealed(&self, value: &str) -> bool {
        self.has_cookie_visitors() && value.starts_with("v1.")
    }

    /// What a visitor's cookie holds, as a session without a name; `None` if it is not theirs.
    async fn opened(&self, value: &str) -> Option<Arc<SessionData>> {
        // Nobody is told of this look.
        let store = self.store.clone().on_event(|_| {});
        let mut headers = HeaderMap::new();
        let cookie = format!("{}={value}", store.config().cookie_name);
        headers.insert(header::COOKIE, cookie.parse().ok()?);
        let visit = store.begin();
        visit.attach(&Method::GET, &Uri::default(), &headers, Peer::Unknown, None);
        let visitor = visit.load().await.ok()?;
        let (data, own) = (visitor.data(), visitor.lifetime());
        if data.is_empty() {
            return None;
        }
        let lives = own.idle_ttl_secs.unwrap_or(store.config().anonymous_ttl_secs);
        let lives = Duration::from_secs(lives);
        let mut session = SessionData::new(SessionId::from_bytes([0; 16]), self.now(), lives);
        session.data = data;
        session.idle_ttl_secs = own.idle_ttl_secs;
        session.cookie_persistent = own.cookie_persistent;
        session.not_after = own.not_after;
        session.expires_at =
            own.not_after.map_or(session.expires_at, |end| end.min(session.expires_at));
        Some(Arc::new(session))
    }

    pub(crate) fn gate(&self, name: &str) -> Arc<Gate> {
        self.desk.gate(name)
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What happened since this was last asked.
    pub(crate) fn take_events(&self) -> Vec<EventKind> {
        std::mem::take(&mut *lock(&self.events))
    }

    /// The sessions that were made since this was last asked and are live, by the hash of their current
    /// token. Not counted.
    pub(crate) async fn take_made(&self) -> Vec<(TokenHash, Arc<SessionData>)> {
        let tokens = self.probe.tokens();
        let looked_at = self.looked_at.swap(tokens.len(), Ordering::Relaxed);
        let mut live = Vec::new();
        for token in tokens.into_iter().skip(looked_at) {
            let found = self.probe.unwatched().find(&token, self.now()).await;
            if let Some(Found::Live { session, .. }) =
                found.unwrap_or_else(|e| panic!("find failed: {e}"))
            {
                live.push((token, session));
            }
        }
        live
    }

    /// What the backend knows of a token, which may be followed by its signature; of a visitor whose data is
    /// in the cookie, what that says. Not counted.
    pub(crate) async fn found(&self, token: &str) -> Option<Found> {
        if self.is_sealed(token) {
            let session = self.opened(token).await?;
            return Some(Found::Live { session, token_seen: true });
        }
        let token = token.split('.').next().unwrap_or(token);
        let token = SessionToken::parse(token.as_bytes()).expect("a well-formed token");
        let found = self.probe.unwatched().find(&token.hash(), self.now()).await;
        found.unwrap_or_else(|error| panic!("find failed: {error}"))
    }

    /// The live session of which this is the current token.
    pub(crate) async fn live(&self, token: &str) -> Option<Arc<SessionData>> {
        match self.found(token).await {
            Some(Found::Live { session, .. }) => Some(session),
            _ => None,
        }
    }

    /// Whether the token opens no session any more.
    pub(crate) async fn is_dead(&self, token: &str) -> bool {
        matches!(self.found(token).await, None | Some(Found::Ended { .. }))
    }

    /// How many live sessions a user has. Not counted.
    pub(crate) async fn sessions_of(&self, user: &str) -> usize {
        let user = UserId::new(user).expect("a user id");
        let listed = self.probe.unwatched().list(&user, self.now()).await;
        listed.unwrap_or_else(|error| panic!("list failed: {error}")).len()
    }
}
