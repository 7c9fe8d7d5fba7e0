//! Where a request begins: its backend, what is stored there, and the tokens that it brings.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use session_conformance::backends::{Gate, Watched};
use session_core::{
    Conclusion, Found, ManualClock, MemoryBackend, Peer, Session, SessionConfig, SessionData,
    SessionId, SessionStore, SessionToken, Timestamp, TokenHash, Visit,
};

/// What the request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Visitor,
    Anonymous,
    SignedIn,
    InGrace,
    /// Revoked: a visitor's.
    Ended,
    /// Dead, and its browser has a newer one.
    Followed,
    Ambiguous,
}

impl Start {
    /// Whether what the request presents is no session of its own, and may have to be ended.
    pub(crate) const fn ends_several(self) -> bool {
        matches!(self, Self::Ended | Self::Followed | Self::Ambiguous)
    }
}

/// What the request has written when the two begin, and not saved yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buffered {
    Nothing,
    Value,
    /// Everything was taken away before.
    Cleared,
}

/// One request whose session is loaded. From here on every call to the backend stops at two gates.
pub(crate) struct Place {
    pub(crate) backend: Watched,
    pub(crate) store: SessionStore,
    pub(crate) visit: Visit,
    pub(crate) session: Session,
    /// What the request presents.
    pub(crate) presented: Vec<SessionToken>,
    /// What was there before it.
    pub(crate) known: Vec<SessionId>,
}

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

impl Place {
    pub(crate) async fn at(start: Start, buffered: Buffered) -> Self {
        let backend = Watched::new(MemoryBackend::new());
        let clock = Arc::new(ManualClock::new(START));
        let store = SessionStore::new(backend.clone(), SessionConfig::default())
            .unwrap()
            .with_clock(clock.clone());
        // Another device of ann's, so that her other sessions are told apart.
        let other = signed_in(&store).await;
        let (presented, ended) = match start {
            Start::Visitor => (vec![], None),
            Start::Anonymous => (vec![anonymous(&store).await], None),
            Start::SignedIn => (vec![signed_in(&store).await], None),
            Start::InGrace => {
                let token = signed_in(&store).await;
                let (visit, session) = request(&store, &[&token]).await;
                session.rotate().await.unwrap();
                finish(&visit).await;
                (vec![token], None)
            }
            Start::Ended => {
                let token = signed_in(&store).await;
                let (_, session) = request(&store, &[&token]).await;
                (vec![token], session.id())
            }
            Start::Followed => {
                let token = signed_in(&store).await;
                let (visit, session) = request(&store, &[&token]).await;
                session.reauthenticate().await.unwrap();
                finish(&visit).await;
                (vec![token], None)
            }
            Start::Ambiguous => (vec![signed_in(&store).await, anonymous(&store).await], None),
        };
        if let Some(id) = ended {
            store.revoke(&id).await.unwrap();
        }
        // Long enough for a touch to be due, unless the token would be forgotten meanwhile.
        let wait =
            if matches!(start, Start::InGrace | Start::Ended | Start::Followed) { 5 } else { 400 };
        clock.advance(Duration::from_secs(wait));

        let brought: Vec<&SessionToken> = presented.iter().collect();
        let (visit, session) = request(&store, &brought).await;
        if buffered == Buffered::Cleared {
            session.clear().unwrap();
        }
        if buffered != Buffered::Nothing && session.may_store() {
            session.set("b", 1).unwrap();
        }
        let mut known = Vec::new();
        for (_, session) in live(&backend, store.now()).await {
            known.push(session.id);
        }
        drop(other);
        backend.stop_every(Gate::Before);
        backend.stop_every(Gate::After);
        Self { backend, store, visit, session, presented, known }
    }

    /// The id of the request's own session, or one that nobody has.
    pub(crate) fn own_id(&self) -> SessionId {
        self.session.id().unwrap_or_else(|| SessionId::generate(START).unwrap())
    }
}

/// Every session that is live, by its current token.
pub(crate) async fn live(backend: &Watched, now: Timestamp) -> Vec<(TokenHash, Arc<SessionData>)> {
    let mut live = Vec::new();
    for token in backend.tokens() {
        if let Some(Found::Live { session, .. }) =
            backend.unwatched().find(&token, now).await.unwrap()
        {
            live.push((token, session));
        }
    }
    live
}

async fn request(store: &SessionStore, tokens: &[&SessionToken]) -> (Visit, Session) {
    let mut headers = HeaderMap::new();
    for token in tokens {
        let cookie = format!("_session={}", token.expose());
        headers.append(header::COOKIE, cookie.parse().unwrap());
    }
    let visit = store.begin();
    visit.attach(&http::Method::GET, &http::Uri::default(), &headers, Peer::Unknown, None);
    let session = visit.load().await.unwrap();
    (visit, session)
}

async fn signed_in(store: &SessionStore) -> SessionToken {
    let (visit, session) = request(store, &[]).await;
    session.authenticate("ann").await.unwrap();
    session.set("n", 1).unwrap();
    finish(&visit).await
}

async fn anonymous(store: &SessionStore) -> SessionToken {
    let (visit, session) = request(store, &[]).await;
    session.set("n", 1).unwrap();
    finish(&visit).await
}

async fn finish(visit: &Visit) -> SessionToken {
    token_of(visit.finish(StatusCode::OK).await).unwrap()
}

/// The token that a response sets.
pub(crate) fn token_of(conclusion: Conclusion) -> Option<SessionToken> {
    cookie_of(conclusion)?.parse().ok()
}

/// The value of the cookie that a response sets; empty if it removes it.
pub(crate) fn cookie_of(conclusion: Conclusion) -> Option<String> {
    let mut headers = HeaderMap::new();
    conclusion.apply(&mut headers);
    let cookie = headers.get(header::SET_COOKIE)?.to_str().unwrap();
    Some(cookie.strip_prefix("_session=")?.split(';').next()?.to_owned())
}
