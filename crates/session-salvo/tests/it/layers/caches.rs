//! salvo's cache, and its answers to conditional requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salvo_cache::{Cache, MokaStore, RequestIssuer};
use salvo_core::http::Method;
use salvo_core::http::header::{CACHE_CONTROL, ETAG, VARY};
use salvo_core::prelude::*;
use salvo_extra::caching_headers::CachingHeaders;
use session_salvo::{RequireUser, Session, SessionDepotExt, SessionHandler};

use super::Place;
use crate::support::{Reply, ask_with, get, store};

/// A form with the visitor's own token.
struct Form(Arc<AtomicU32>);

#[async_trait]
impl Handler for Form {
    async fn handle(
        &self,
        _: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        _: &mut FlowCtrl,
    ) {
        let session = depot.session().await.unwrap();
        let token = session.get("csrf").unwrap();
        let token = token.unwrap_or_else(|| self.0.fetch_add(1, Ordering::Relaxed));
        session.set("csrf", token).unwrap();
        response.render(format!("token {token}"));
    }
}

/// Asks for no session, and counts how often it is made.
struct About(Arc<AtomicU32>);

#[async_trait]
impl Handler for About {
    async fn handle(
        &self,
        _: &mut Request,
        _: &mut Depot,
        response: &mut Response,
        _: &mut FlowCtrl,
    ) {
        response.render(format!("made {}", self.0.fetch_add(1, Ordering::Relaxed)));
    }
}

#[handler]
async fn me(caller: RequireUser) -> String {
    caller.user.to_string()
}

/// Signs in whom the path names.
#[handler]
async fn sign_in(session: Session, request: &mut Request) {
    session.authenticate(request.param::<String>("name").unwrap().as_str()).await.unwrap();
}

fn routes() -> Router {
    let made = Arc::new(AtomicU32::new(0));
    Router::new()
        .push(Router::with_path("form").get(Form(made.clone())))
        .push(Router::with_path("about").get(About(made)))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("sign-in/{name}").post(sign_in))
}

fn cache() -> Cache<MokaStore<String>, RequestIssuer> {
    let kept = MokaStore::builder().time_to_live(Duration::from_secs(60)).build();
    Cache::new(kept, RequestIssuer::default())
}

async fn sign_in_as(app: &Service, name: &str) -> String {
    let path = format!("/sign-in/{name}");
    let cookie = ask_with(app, Method::POST, &path, &[]).await.cookie();
    // Its first request sends the cookie anew, which no cache keeps.
    get(app, "/form", &cookie).await;
    cookie
}

#[tokio::test]
async fn a_cache_outside_keeps_visitors_apart() {
    for is_private in [false, true] {
        for place in Place::BOTH {
            let name = format!("{place:?}, private: {is_private}");
            let sessions = SessionHandler::new(store());
            let app = place.mount(routes(), sessions, cache().cache_private(is_private));
            let one = get(&app, "/form", "").await;
            let two = get(&app, "/form", "").await;
            assert_eq!(one.cookies().len(), 1, "{name}");
            if place == Place::Behind {
                assert_eq!(
                    one.body, two.body,
                    "{name}: it sees no cookie of ours: one page for both"
                );
                assert!(two.cookies().is_empty(), "{name}: nobody asked for the second's session");
            } else {
                assert_ne!(one.body, two.body, "{name}");
                assert_ne!(one.cookie(), two.cookie(), "{name}");
            }
            let about = get(&app, "/about", "").await.body;
            get(&app, "/about", "").await.check(&name, 200, &about);
        }
    }
}

/// With `cache_private` requests that bring a cookie are served from it too.
#[tokio::test]
async fn a_private_cache_behind_gives_one_user_s_page_to_another() {
    for place in Place::BOTH {
        let sessions = SessionHandler::new(store());
        let app = place.mount(routes(), sessions, cache().cache_private(true));
        let (alice, bob) = (sign_in_as(&app, "alice").await, sign_in_as(&app, "bob").await);
        get(&app, "/me", &alice).await.check("her own", 200, "alice");
        let seen = if place == Place::Behind { "alice" } else { "bob" };
        get(&app, "/me", &bob).await.check(&format!("{place:?}"), 200, seen);
    }
}

/// `ETag`, `Modified` and `CachingHeaders` may be on either side.
#[tokio::test]
async fn not_modified_has_the_session_s_headers() {
    for place in Place::BOTH {
        let app = place.mount(routes(), SessionHandler::new(store()), CachingHeaders::new());
        let user = sign_in_as(&app, "alice").await;
        let page = get(&app, "/me", &user).await;
        let tag = page.headers[ETAG].to_str().unwrap().to_owned();

        let path = "/sign-in/alice";
        let fresh = ask_with(&app, Method::POST, path, &[("cookie", user.as_str())]).await.cookie();
        let headers = [("cookie", fresh.as_str()), ("if-none-match", tag.as_str())];
        let reply: Reply = ask_with(&app, Method::GET, "/me", &headers).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (304, ""), "{place:?}");
        assert_eq!(reply.cookie(), fresh, "{place:?}: the token's first request sends it anew");
        assert_eq!(reply.headers[CACHE_CONTROL], "no-store", "{place:?}");
        assert_eq!(reply.headers[VARY], "Cookie", "{place:?}");
    }
}
