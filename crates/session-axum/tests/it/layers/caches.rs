//! Caches, conditional requests, and layers that speak to caches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, SET_COOKIE, VARY};
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_response_cache::CacheLayer;
use http_body_util::BodyExt;
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use session_axum::{RequireUser, Session, SessionError, layer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::Place;
use crate::support::{call, cookie, request, request_with_cookie, store, text};

const MAY_BE_KEPT: [(axum::http::HeaderName, &str); 1] = [(CACHE_CONTROL, "max-age=60")];

/// A form with the visitor's own token, and a page that asks for no session and counts how often it
/// is made. Both say that they may be kept.
fn routes() -> Router {
    let made = Arc::new(AtomicU32::new(0));
    let next = move || made.fetch_add(1, Ordering::Relaxed);
    let next_token = next.clone();
    Router::new()
        .route(
            "/form",
            get(|session: Session| async move {
                let token = session.get("csrf")?.unwrap_or_else(&next_token);
                session.set("csrf", token)?;
                Ok::<_, SessionError>((MAY_BE_KEPT, format!("token {token}")))
            }),
        )
        .route("/about", get(|| async move { (MAY_BE_KEPT, format!("made {}", next())) }))
        .route(
            "/sign-in",
            get(|session: Session| async move {
                session.authenticate("alice").await?;
                Ok::<_, SessionError>(())
            }),
        )
        .route("/me", get(|RequireUser { user, .. }: RequireUser| async move { user.to_string() }))
}

/// A shared cache as RFC 9111 wants it: what it may keep, and whom it may give it to, is for
/// `http-cache-semantics` to say.
#[derive(Clone, Default)]
struct SharedCache(Arc<Mutex<HashMap<String, Kept>>>);

type Kept = (CachePolicy, Parts, Bytes);

/// All happens at one moment.
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

impl SharedCache {
    async fn handle(self, request: Request, next: Next) -> Response {
        let key = request.uri().to_string();
        if let Some((policy, parts, body)) = self.0.lock().unwrap().get(&key)
            && let BeforeRequest::Fresh(_) = policy.before_request(&request, NOW)
        {
            return Response::from_parts(parts.clone(), Body::from(body.clone()));
        }
        let (head, body) = request.into_parts();
        let asked = Request::from_parts(head.clone(), Body::empty());
        let (parts, answer) = next.run(Request::from_parts(head, body)).await.into_parts();
        let body = answer.collect().await.unwrap().to_bytes();
        let policy = CachePolicy::new_options(
            &asked,
            &Response::from_parts(parts.clone(), ()),
            NOW,
            CacheOptions::default(),
        );
        if policy.is_storable() {
            self.0.lock().unwrap().insert(key, (policy, parts.clone(), body.clone()));
        }
        Response::from_parts(parts, Body::from(body))
    }
}

/// A page for somebody who comes with this cookie, and the cookie that comes with it.
async fn page(app: &Router, path: &str, held: &str) -> (String, Option<String>) {
    let response = call(app, request_with_cookie(path, held)).await;
    let set = response.headers().contains_key(SET_COOKIE).then(|| cookie(&response));
    (text(response).await.1, set)
}

#[tokio::test]
async fn a_cache_outside_keeps_visitors_apart() {
    for place in Place::BOTH {
        let cache = SharedCache::default();
        let cache =
            from_fn(move |request: Request, next: Next| cache.clone().handle(request, next));
        let app = place.mount(routes(), layer(store()), cache);
        let (one, cookie) = page(&app, "/form", "").await;
        let (two, other_cookie) = page(&app, "/form", "").await;
        assert!(cookie.is_some(), "{place:?}");
        if place == Place::Behind {
            assert_eq!(one, two, "it sees neither cookie nor Vary: one page for both");
            assert_eq!(other_cookie, None, "and nobody asked for the second one's session");
        } else {
            assert_ne!(one, two);
            let (cookie, other_cookie) = (cookie.unwrap(), other_cookie.unwrap());
            assert_ne!(cookie, other_cookie);
            // Each again, with pages that set no cookie any more, and may be kept for that very cookie.
            for _ in 0..3 {
                assert_eq!(page(&app, "/form", &cookie).await.0, one);
                assert_eq!(page(&app, "/form", &other_cookie).await.0, two);
            }
        }
        let (about, _) = page(&app, "/about", "").await;
        assert_eq!(
            page(&app, "/about", "").await.0,
            about,
            "{place:?}: what asks for none is kept"
        );
    }
}

/// Around a route that uses its session it gives one visitor's cookie to the next, and behind the
/// session one visitor's page. It goes around the routes that use none, on either side.
#[tokio::test]
async fn a_cache_that_reads_no_header_goes_where_no_session_is_used() {
    for place in Place::BOTH {
        let cache = CacheLayer::with_lifespan(Duration::from_secs(60));
        let app = place.mount(routes(), layer(store()), cache);
        let (one, cookie) = page(&app, "/form", "").await;
        let (two, other_cookie) = page(&app, "/form", "").await;
        assert_eq!(one, two, "{place:?}: one page for both");
        let expected = if place == Place::Outside { cookie } else { None };
        assert_eq!(
            other_cookie, expected,
            "{place:?}: one session for both, or none for the second"
        );
        let (about, none) = page(&app, "/about", "").await;
        assert_eq!(page(&app, "/about", "").await, (about, None), "{place:?}");
        assert_eq!(none, None, "{place:?}");
    }
}

/// What answers a conditional request with 304 may be on either side.
#[tokio::test]
async fn not_modified_has_the_session_s_headers() {
    async fn unmodified(request: Request, next: Next) -> Response {
        const TAG: HeaderValue = HeaderValue::from_static("\"1\"");
        let is_known = request.headers().get(IF_NONE_MATCH) == Some(&TAG);
        let mut response = next.run(request).await;
        if response.status() == StatusCode::OK {
            response.headers_mut().insert(ETAG, TAG);
            if is_known {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                *response.body_mut() = Body::empty();
            }
        }
        response.into_response()
    }
    for place in Place::BOTH {
        let app = place.mount(routes(), layer(store()), from_fn(unmodified));
        let user = cookie(&call(&app, request("/sign-in")).await);
        let mut request = request_with_cookie("/me", &user);
        request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("\"1\""));
        let response = call(&app, request).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{place:?}");
        // The token's first request sends its cookie anew.
        assert_eq!(cookie(&response), user, "{place:?}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{place:?}");
        assert_eq!(response.headers()[VARY], "Cookie", "{place:?}");
    }
}

/// A layer that says of every answer what caches may do: outside, and only if nothing is said yet.
#[tokio::test]
async fn a_default_for_caches_goes_outside_and_overrides_nothing() {
    let public = HeaderValue::from_static("public, max-age=60");
    let default = SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, public.clone());
    let overrides = SetResponseHeaderLayer::overriding(CACHE_CONTROL, public);
    for (place, with_cookie, page) in [
        (Place::Outside, "no-store", "no-store"),
        (Place::Behind, "no-store", "public, max-age=60"),
    ] {
        let app = place.mount(routes(), layer(store()), default.clone());
        check_control(&app, with_cookie, page, &format!("{place:?}")).await;
    }
    let app = Place::Outside.mount(routes(), layer(store()), overrides);
    check_control(&app, "public, max-age=60", "public, max-age=60", "overriding").await;
}

/// What a user's pages say to caches: one that sets a cookie, and one that does not.
async fn check_control(app: &Router, with_cookie: &str, without: &str, name: &str) {
    let user = cookie(&call(app, request("/sign-in")).await);
    let control = |headers: &HeaderMap| headers[CACHE_CONTROL].to_str().unwrap().to_owned();
    let first = call(app, request_with_cookie("/me", &user)).await;
    assert!(first.headers().contains_key(SET_COOKIE), "{name}");
    assert_eq!(control(first.headers()), with_cookie, "{name}");
    let second = call(app, request_with_cookie("/me", &user)).await;
    assert!(!second.headers().contains_key(SET_COOKIE), "{name}");
    assert_eq!(control(second.headers()), without, "{name}");
    assert_eq!(second.headers()[VARY], "Cookie", "{name}");
}
