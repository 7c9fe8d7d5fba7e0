//! Where tower-http's layers go: the last one is the outermost.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header::COOKIE};
use axum::routing::{get, post};
use session_axum::{Session, SessionError};
use session_core::SessionStore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

async fn home(session: Session) -> Result<String, SessionError> {
    let visits = session.get::<u64>("visits")?.unwrap_or(0) + 1;
    session.set("visits", visits)?;
    Ok(format!("visit number {visits}"))
}

async fn fails(session: Session) -> Result<(), SessionError> {
    session.authenticate("alice").await?;
    panic!("after a sign-in, which keeps its cookie");
}

pub fn app(store: SessionStore, pages: HeaderValue) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/fails", post(fails))
        // Behind the session: its cookie goes out whatever these answer.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(30)))
        .layer(CatchPanicLayer::new())
        .layer(session_axum::layer(store))
        // Outside: they see what goes out.
        .layer(CompressionLayer::new())
        .layer(CorsLayer::new().allow_origin(pages).allow_credentials(true))
        .layer(TraceLayer::new_for_http())
        .layer(SetSensitiveRequestHeadersLayer::new([COOKIE]))
}
