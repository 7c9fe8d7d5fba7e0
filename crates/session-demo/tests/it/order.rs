//! With `preserve_order` of `serde_json`, which any crate of an application may have switched on: here the one
//! that drives Chromium does.

use http::{HeaderMap, Method, StatusCode, Uri, header};
use session_core::{FlashLevel, MemoryBackend, Peer, Session, SessionConfig, SessionStore, Visit};

async fn request(store: &SessionStore, cookie: &str) -> (Visit, Session) {
    let visit = store.begin();
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, cookie.parse().unwrap());
    visit.attach(&Method::GET, &Uri::from_static("/"), &headers, Peer::Unknown, None);
    let session = visit.load().await.unwrap();
    (visit, session)
}

#[tokio::test]
async fn messages_are_told_oldest_first() {
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    let (visit, session) = request(&store, "").await;
    session.set("cart", 1).unwrap();
    let mut headers = HeaderMap::new();
    visit.finish(StatusCode::OK).await.apply(&mut headers);
    let cookie =
        headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();

    let (first, second) = (request(&store, &cookie).await, request(&store, &cookie).await);
    first.1.flash(FlashLevel::Info, "one").unwrap();
    second.1.flash(FlashLevel::Info, "two").unwrap();
    // Written in the other order.
    drop(second.0.finish(StatusCode::OK).await);
    drop(first.0.finish(StatusCode::OK).await);
    let (_, page) = request(&store, &cookie).await;
    let keys = page.keys();
    assert!(!keys.is_sorted(), "this crate is built without `preserve_order`: {keys:?}");
    let told: Vec<_> = page.take_flashes().unwrap().into_iter().map(|flash| flash.text).collect();
    assert_eq!(told, ["one", "two"]);
}
