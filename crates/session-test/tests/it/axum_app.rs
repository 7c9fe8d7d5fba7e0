//! The application on axum.

use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{any, get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};
use session_axum::{RequireUser, Session, SessionError};
use session_core::SessionStore;
use session_test::TestClient;
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(crate) fn client(store: SessionStore) -> TestClient {
    TestClient::new(app(store.clone()), store)
}

pub(crate) fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/me", get(me))
        .route("/visits", get(visits))
        .route("/sign-out", post(sign_out))
        .route("/echo", any(echo))
        .route("/form", post(form))
        .route("/json", post(async |Json(value): Json<Value>| Json(value)))
        .route("/away", get(async || (StatusCode::SEE_OTHER, [(header::LOCATION, "/me")])))
        .route("/cookies", get(cookies))
        .layer(session_axum::layer(store))
}

async fn me(RequireUser { user, .. }: RequireUser) -> String {
    user.to_string()
}

async fn visits(session: Session) -> Result<String, SessionError> {
    let visits: u64 = session.get("visits")?.unwrap_or(0) + 1;
    session.set("visits", visits)?;
    Ok(visits.to_string())
}

async fn sign_out(session: Session) -> Result<(), SessionError> {
    session.logout().await?;
    Ok(())
}

async fn form(Form(form): Form<BTreeMap<String, String>>) -> Json<Value> {
    Json(json!(form))
}

async fn cookies() -> [(header::HeaderName, &'static str); 1] {
    [(header::SET_COOKIE, "here=1; Path=/cookies; Max-Age=60; Secure")]
}

/// The request as it came.
async fn echo(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: axum::http::Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Json(json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "peer": peer.ip().to_string(),
        "host": text(header::HOST),
        "agent": text(header::USER_AGENT),
        "type": text(header::CONTENT_TYPE),
        "cookie": text(header::COOKIE),
        "body": String::from_utf8_lossy(&body),
    }))
}
