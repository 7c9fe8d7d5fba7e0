//! What no other test would notice: a second try under another id, and accounts that may not be looked at.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use session_conformance::backends::{Fault, Method};
use session_core::{
    AccountSlots, BackendErrorKind, CookieSecret, ErrorKind, OnBackendError, Peer, Session,
    SessionConfig, SignIn, Transport, UserId, Visit,
};

use super::handle::{Site, cookie, kind};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, \
     like Gecko) Version/18.0 Safari/605.1.15";

struct Slots {
    site: Site,
    transport: Transport,
}

impl Slots {
    fn new(config: SessionConfig) -> Self {
        let site = Site::new(config);
        let transport = Transport::default().bearer();
        let transport = transport.accounts(AccountSlots::path("/u"), &site.store).unwrap();
        Self { site, transport }
    }

    async fn request(&self, path: &str, agent: &str, headers: &[(&str, &str)]) -> (Visit, Session) {
        let uri: http::Uri = path.parse().unwrap();
        let mut map = HeaderMap::new();
        map.insert(header::USER_AGENT, HeaderValue::from_str(agent).unwrap());
        for (name, value) in headers {
            let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, value.parse().unwrap());
        }
        let visit = self.site.store.begin_by(&self.transport, &uri, &map).unwrap();
        visit.attach(&http::Method::GET, &uri, &map, Peer::Unknown, None);
        let session = visit.load().await.unwrap();
        (visit, session)
    }

    async fn signed_in(&self, path: &str, user: &str) -> String {
        let (visit, session) = self.request(path, FIREFOX, &[]).await;
        session.authenticate(user).await.unwrap();
        cookie(visit.finish(StatusCode::OK).await).unwrap()
    }
}

/// An id that is in use is drawn anew, and the session is what it was to be.
#[tokio::test]
async fn a_second_try_forgets_nothing() {
    let slots = Slots::new(SessionConfig::default());
    let site = &slots.site;
    let conflict = || Fault::new(BackendErrorKind::Conflict).only(Method::Create).times(1);
    let staff = site.signed_in().await;
    let (visit, session) = site.request(&staff).await;
    site.backend.fail(conflict());
    session.impersonate("bob").await.unwrap();
    assert_eq!(session.impersonator().map(|staff| staff.to_string()).as_deref(), Some("ann"));
    let acting = cookie(visit.finish(StatusCode::OK).await).unwrap();
    assert!(site.request(&acting).await.1.impersonator().is_some(), "bob himself is signed in");

    site.backend.fail(conflict());
    let (visit, session) = slots.request("/", FIREFOX, &[]).await;
    session.authenticate_with(SignIn::new("cid").bearer()).await.unwrap();
    assert!(session.take_bearer_token().is_some());
    assert_eq!(cookie(visit.finish(StatusCode::OK).await), None, "it is a program's");
}

async fn accounts(session: &Session) -> Vec<String> {
    let accounts = session.accounts().await.unwrap();
    accounts.iter().map(|account| account.user_id.to_string()).collect()
}

#[tokio::test]
async fn accounts_that_may_not_be_looked_at() {
    let slots = Slots::new(SessionConfig::default());
    let bob = slots.signed_in("/u/1", "bob").await;
    let request = slots.request("/", FIREFOX, &[("cookie", &bob)]).await;
    assert_eq!(accounts(&request.1).await, ["bob"]);
    let request = slots.request("/", SAFARI, &[("cookie", &bob)]).await;
    assert!(accounts(&request.1).await.is_empty(), "another browser's");

    let both = format!("{bob}; {}", slots.signed_in("/u/1", "eve").await);
    let request = slots.request("/", FIREFOX, &[("cookie", &both)]).await;
    assert!(accounts(&request.1).await.is_empty(), "of two it is not known which one counts");

    // Beside a bearer no cookie is read, and no slot's session ends.
    let (_, session) = slots.request("/u/1", FIREFOX, &[]).await;
    session.authenticate_with(SignIn::new("cid").bearer()).await.unwrap();
    let token = session.take_bearer_token().unwrap();
    let bearer = format!("Bearer {}", token.expose());
    let both = [("cookie", &*bob), ("authorization", &*bearer)];
    let (_, session) = slots.request("/", FIREFOX, &both).await;
    assert_eq!(accounts(&session).await, ["cid"]);
    assert_eq!(session.logout_all_slots().await.unwrap(), 1);
    let bobs: UserId = "bob".parse().unwrap();
    assert_eq!(slots.site.store.list(&bobs).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_knows_and_that_is_not_nobody() {
    let config =
        SessionConfig { on_backend_error: OnBackendError::Anonymous, ..SessionConfig::default() };
    let slots = Slots::new(config);
    let ann = slots.signed_in("/", "ann").await;
    slots.site.backend.fail(BackendErrorKind::Unavailable);
    let (_, session) = slots.request("/", FIREFOX, &[("cookie", &ann)]).await;
    slots.site.backend.recover();
    assert_eq!(kind(session.accounts().await), Some(ErrorKind::Unavailable));
}

/// A slot whose session could not be ended keeps its cookie.
#[tokio::test]
async fn what_did_not_end_keeps_its_cookie() {
    let slots = Slots::new(SessionConfig::default());
    let bob = slots.signed_in("/u/1", "bob").await;
    let (visit, session) = slots.request("/", FIREFOX, &[("cookie", &bob)]).await;
    slots.site.backend.fail(BackendErrorKind::Unavailable);
    assert_eq!(kind(session.logout_all_slots().await), Some(ErrorKind::Unavailable));
    assert_eq!(cookie(visit.finish(StatusCode::SERVICE_UNAVAILABLE).await), None);
}

/// A token is signed for programs alike, whatever path they ask for.
#[tokio::test]
async fn a_bearer_is_the_same_in_every_slot() {
    let secrets = vec![CookieSecret::new("s".repeat(64))];
    let slots = Slots::new(SessionConfig { secrets, ..SessionConfig::default() });
    let (_, session) = slots.request("/u/1", FIREFOX, &[]).await;
    session.authenticate_with(SignIn::new("cid").bearer()).await.unwrap();
    let bearer = format!("Bearer {}", session.take_bearer_token().unwrap().expose());
    for path in ["/", "/u/1", "/u/2"] {
        let (_, session) = slots.request(path, FIREFOX, &[("authorization", &bearer)]).await;
        assert!(session.is_authenticated(), "{path}");
    }
}
