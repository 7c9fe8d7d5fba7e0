//! What a session costs on the request path, in instructions: a program to be counted by
//! callgrind.
//!
//! ```text
//! cargo build --release -p session-axum --example instructions
//! for n in 1000 3000; do
//!   valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!     target/release/examples/instructions me $n
//! done
//! ```
//!
//! The difference of the two totals, divided by 2,000, is one request. Routes: `bare` and `bare-me`
//! without a layer, `untouched` and `me` with one over the memory backend.

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::http::header::InvalidHeaderValue;
use axum::http::{self, HeaderMap, HeaderValue, Request, header};
use axum::routing::get;
use session_axum::{RequireUser, Session, SessionError, layer};
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use tower::Service;

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let route = arguments.next().ok_or("a route: bare, bare-me, untouched or me")?;
    let requests: u32 = arguments.next().ok_or("how many requests")?.parse()?;

    let routes = Router::new()
        .route("/untouched", get(|| async { "hello" }))
        .route("/bare-me", get(|| async { "alice".to_owned() }))
        .route("/me", get(|RequireUser { user, .. }: RequireUser| async move { user.to_string() }))
        .route(
            "/sign-in",
            get(|session: Session| async move {
                session.authenticate("alice").await?;
                Ok::<_, SessionError>(())
            }),
        );
    let path = match route.as_str() {
        "bare" => "/untouched",
        "bare-me" => "/bare-me",
        "untouched" => "/untouched",
        "me" => "/me",
        _ => return Err("no such route".into()),
    };
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
    let bare = route.starts_with("bare");
    let app = if bare { routes } else { routes.layer(layer(store)) };
    // As a server does once at its start; without it axum puts the layers on at every request.
    let mut app: Router = app.with_state(());

    let headers = |cookie: &str| -> Result<HeaderMap, InvalidHeaderValue> {
        let headers = [
            (header::HOST, HeaderValue::from_static("localhost")),
            (header::USER_AGENT, HeaderValue::from_static(AGENT)),
            (header::ACCEPT, HeaderValue::from_static("*/*")),
            (header::COOKIE, HeaderValue::from_str(cookie)?),
        ];
        Ok(headers.into_iter().collect())
    };
    // A clone of headers shares their values' bytes, as those of a request that was read do.
    let request = |path: &str, headers: &HeaderMap| {
        let mut request = Request::get(path).body(Body::empty())?;
        *request.headers_mut() = headers.clone();
        Ok::<_, http::Error>(request)
    };
    // As long as the session's cookie, so that making the request costs the same.
    let mut cookie = format!("_another={}", "b".repeat(64));
    if !bare {
        let signed_in =
            app.as_service::<Body>().call(request("/sign-in", &headers("a=b")?)?).await?;
        let set = signed_in.headers().get(header::SET_COOKIE).ok_or("no cookie")?.to_str()?;
        cookie = set.split(';').next().unwrap_or_default().to_owned();
    }
    let headers = headers(&cookie)?;
    for _ in 0..requests {
        let response = app.as_service::<Body>().call(request(path, &headers)?).await?;
        if !response.status().is_success() {
            return Err(response.status().to_string().into());
        }
        black_box(response);
    }
    Ok(())
}
