//! Nothing that is printed for people shows a token or its hash.

use std::fmt::Debug;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use session_core::{
    BackendError, BackendErrorKind, CookieConfig, CookieRules, Error, ErrorKind, Found,
    ManualClock, MemoryBackend, NewSession, Peer, Replace, Rotation, Session, SessionBackend,
    SessionChange, SessionConfig, SessionRef, SessionStore, SessionToken, SignIn, Timestamp,
    UserId, Visit,
};

#[tokio::test]
async fn debug_shows_no_secret() {
    let now = Timestamp::from_micros(1_795_348_800_000_000);
    let backend = Arc::new(MemoryBackend::new());
    let store = SessionStore::shared(backend.clone(), SessionConfig::default())
        .expect("the default configuration")
        .with_clock(ManualClock::new(now));
    let rules = CookieRules::new("_session", &CookieConfig::default()).expect("cookie rules");

    let mut secrets = Vec::new();
    let mut shown: Vec<(&str, String)> = Vec::new();
    let mut show = |what: &'static str, value: &dyn Debug| {
        shown.push((what, format!("{value:?}\n{value:#?}")));
    };

    let (visit, first) = begin(&store, &HeaderMap::new()).await;
    first.set("password", "hunter2-is-what-the-session-holds").expect("set");
    first.authenticate("ann").await.expect("a sign-in");
    show("a session that signed in", &first);
    show("a visit", &visit);
    let conclusion = visit.finish(StatusCode::OK).await;
    show("a conclusion with a cookie", &conclusion);
    let mut headers = HeaderMap::new();
    conclusion.apply(&mut headers);
    let cookie = headers.get(header::SET_COOKIE).expect("a cookie").clone();
    show("the response's headers", &headers);
    let pair = cookie.to_str().expect("text").split(';').next().expect("a pair").to_owned();
    let token: SessionToken = pair.split_once('=').expect("a value").1.parse().expect("a token");
    secrets.push(token.clone());

    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, HeaderValue::from_str(&pair).expect("a header"));
    show("what a request presents", &rules.candidates(&headers));
    let (_, second) = begin(&store, &headers).await;
    assert!(second.is_authenticated(), "the token is good");
    show("a session that was loaded", &second);
    show("its record", &second.current());
    show("what it holds", &second.data());
    show("its client", second.meta());

    let hash = token.hash();
    let found = backend.find(&hash, now).await.expect("find");
    let Some(Found::Live { session, .. }) = &found else { panic!("a live session") };
    let reference = SessionRef { id: session.id, token: Some(hash), user: session.user_id.clone() };
    let rotation = Rotation::Graceful { token: hash, grace_until: now };
    let mut change = SessionChange::rotation(rotation.clone());
    change.patch.set("password", "hunter2-is-what-the-session-holds".into());
    let mut new = NewSession::new(session.as_ref().clone(), hash);
    new.replaces = Some(Replace { session: reference.clone(), carry: Default::default() });
    show("a token", &token);
    show("a hash", &hash);
    show("a record that was found", &found);
    show("a reference", &reference);
    show("a rotation", &rotation);
    show("a change", &change);
    show("a new session", &new);
    show("a sign-in", &SignIn::new(UserId::new("ann").expect("a user id")));
    show("the store", &store);
    show("the backend", &backend);
    show("the cookie's rules", &rules);
    show("a malformed token", &token.expose()[1..].parse::<SessionToken>());

    let lost = BackendError::new(BackendErrorKind::Unavailable, "the connection was reset");
    show("an error", &Error::from(lost));
    show("an error in words", &Error::from_kind(ErrorKind::SessionEnded).to_string());
    show("a token in words", &format!("{token}"));

    for secret in secrets {
        let text = secret.expose();
        let hash = secret.hash();
        let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{:?}", &hash.as_bytes()[..8]);
        let list = list.trim_matches(['[', ']']);
        for (what, said) in &shown {
            let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in [&text[..16], &text[48..], &hex[..16], &hex[48..], list] {
                assert!(!flat.to_lowercase().contains(part), "{what} shows a secret: {flat}");
            }
            assert!(!flat.contains("hunter2"), "{what} shows what the application stores: {flat}");
        }
    }
}

async fn begin(store: &SessionStore, headers: &HeaderMap) -> (Visit, Session) {
    let visit = store.begin();
    visit.attach(&http::Method::GET, &http::Uri::default(), headers, Peer::Unknown, None);
    let session = visit.load().await.expect("a backend that works");
    (visit, session)
}
