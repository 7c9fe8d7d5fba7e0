//! The routes on axum with this project's sessions.

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::{get, post};
use session_axum::{RequireUser, Session, SessionError};
use session_bench_kit::{Set, SignIn, linger};
use session_core::SessionStore;

pub(crate) fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/untouched", get(untouched))
        .route("/me", get(me))
        .route("/set", post(set))
        .route("/slow-set", post(slow_set))
        .route("/data", get(data))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/rotate", post(rotate))
        .layer(session_axum::layer(store))
}

async fn untouched() -> &'static str {
    "hello"
}

async fn me(RequireUser { user, .. }: RequireUser) -> String {
    user.to_string()
}

async fn set(
    session: Session,
    Query(Set { key, value, .. }): Query<Set>,
) -> Result<&'static str, SessionError> {
    session.set(key.as_str(), value)?;
    Ok("ok")
}

async fn slow_set(
    session: Session,
    Query(Set { key, value, ms }): Query<Set>,
) -> Result<&'static str, SessionError> {
    linger(ms).await;
    session.set(key.as_str(), value)?;
    Ok("ok")
}

async fn data(session: Session) -> String {
    session.data().to_json()
}

async fn sign_in(
    session: Session,
    Query(SignIn { user }): Query<SignIn>,
) -> Result<&'static str, SessionError> {
    session.authenticate(user.as_str()).await?;
    Ok("ok")
}

async fn sign_out(session: Session) -> Result<&'static str, SessionError> {
    session.logout().await?;
    Ok("ok")
}

async fn rotate(session: Session) -> Result<(StatusCode, &'static str), SessionError> {
    let rotated = session.rotate().await?;
    Ok(if rotated { (StatusCode::OK, "ok") } else { (StatusCode::UNAUTHORIZED, "nobody") })
}
