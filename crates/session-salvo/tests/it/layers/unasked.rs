//! Static files, compressed answers, and what else asks for no session.

use std::sync::Arc;
use std::time::Duration;

use salvo_compression::{Compression, CompressionLevel};
use salvo_core::http::Method;
use salvo_core::http::header::{CACHE_CONTROL, CONTENT_ENCODING, SET_COOKIE, VARY};
use salvo_core::prelude::*;
use salvo_core::writing::Text;
use salvo_serve_static::StaticDir;
use session_conformance::backends::Watched;
use session_core::{
    BackendErrorKind, ManualClock, MemoryBackend, SessionConfig, SessionStore, Timestamp,
};
use session_salvo::{RequireUser, Session, SessionHandler};

use super::Place;
use crate::support::{ask_with, count, get, sign_in, store};

#[tokio::test]
async fn files_cost_nothing_unless_the_handler_is_eager() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.css"), "a {}").unwrap();
    for (name, is_eager, is_beside) in
        [("behind", false, false), ("behind an eager one", true, false), ("beside", true, true)]
    {
        let backend = Arc::new(Watched::new(MemoryBackend::new()));
        let store = SessionStore::shared(backend.clone(), SessionConfig::default()).unwrap();
        let sessions = SessionHandler::new(store);
        let sessions = if is_eager { sessions.eager() } else { sessions };
        let files = Router::with_path("files/{**path}").get(StaticDir::new([folder.path()]));
        let page = Router::with_path("page").get(count);
        let router = if is_beside {
            Router::new().push(page.hoop(sessions)).push(files)
        } else {
            Router::new().hoop(sessions).push(page).push(files)
        };
        let app = Service::new(router);
        let visitor = get(&app, "/page", "").await.cookie();
        get(&app, "/page", &visitor).await;
        backend.take_calls();

        let file = get(&app, "/files/app.css", &visitor).await.check(name, 200, "a {}");
        let costs = u32::from(is_eager && !is_beside);
        assert_eq!(backend.take_calls().total(), costs, "{name}");
        assert!(!file.headers.contains_key(SET_COOKIE), "{name}");
        let vary: Vec<_> = file.headers.get_all(VARY).iter().collect();
        assert!(
            vary.iter().all(|line| !line.to_str().unwrap().contains("ookie")),
            "{name}: {vary:?}"
        );

        backend.fail(BackendErrorKind::Unavailable);
        let file = get(&app, "/files/app.css", &visitor).await;
        assert_eq!(file.status.as_u16(), if costs == 0 { 200 } else { 503 }, "{name}");
    }
}

#[handler]
async fn users_only(_caller: RequireUser) {}

#[tokio::test]
async fn compression_on_either_side_leaves_cookies_and_answers_whole() {
    for place in Place::BOTH {
        let routes = Router::new()
            .push(Router::with_path("page").get(count))
            .push(Router::with_path("users").get(users_only));
        let sessions = SessionHandler::new(store()).on_error(|_, _| Text::Plain("<".repeat(100)));
        let gzip = Compression::new().disable_all().enable_gzip(CompressionLevel::Default);
        let app = place.mount(routes, sessions, gzip.min_length(0));
        let ask = async |path: &str| {
            ask_with(&app, Method::GET, path, &[("accept-encoding", "gzip")]).await
        };
        let page = ask("/page").await;
        assert_eq!(page.headers[CONTENT_ENCODING], "gzip", "{place:?}");
        assert_eq!(page.headers[CACHE_CONTROL], "no-store", "{place:?}");
        assert_eq!(page.cookies().len(), 1, "{place:?}");
        let lines = page.headers.get_all(VARY).iter();
        let vary: Vec<_> = lines.map(|line| line.to_str().unwrap().to_ascii_lowercase()).collect();
        assert!(vary.iter().any(|line| line.contains("cookie")), "{place:?}: {vary:?}");
        assert!(vary.iter().any(|line| line.contains("accept-encoding")), "{place:?}: {vary:?}");

        // Behind, ours takes the place of what was compressed; outside, it is compressed.
        let ours = ask("/users").await;
        let is_compressed = place == Place::Outside;
        assert_eq!(ours.status.as_u16(), 401, "{place:?}");
        assert_eq!(ours.headers.contains_key(CONTENT_ENCODING), is_compressed, "{place:?}");
        assert_eq!(ours.body == "<".repeat(100), !is_compressed, "{place:?}");
    }
}

#[handler]
async fn asks(_session: Session) {}

#[handler]
async fn asks_nothing() {}

#[tokio::test]
async fn only_requests_that_ask_slide_the_expiry() {
    for (is_eager, path, slides) in
        [(false, "/unasked", false), (false, "/asked", true), (true, "/unasked", true)]
    {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
        let store = store().with_clock(clock.clone());
        let sessions = SessionHandler::new(store.clone());
        let router = Router::new()
            .hoop(if is_eager { sessions.eager() } else { sessions })
            .push(Router::with_path("unasked").get(asks_nothing))
            .push(Router::with_path("asked").get(asks))
            .push(Router::with_path("sign-in").get(sign_in));
        let app = Service::new(router);
        let user = get(&app, "/sign-in", "").await.cookie();
        let alice = "alice".parse().unwrap();
        let before = store.list(&alice).await.unwrap()[0].expires_at;
        clock.advance(Duration::from_secs(3600));
        let sends = !get(&app, path, &user).await.cookies().is_empty();
        let after = store.list(&alice).await.unwrap()[0].expires_at;
        assert_eq!((after > before, sends), (slides, slides), "{path}, eager: {is_eager}");
    }
}
