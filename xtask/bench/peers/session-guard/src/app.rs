//! The routes, as the library's README has applications use it: its layer around the routes of
//! signed-in users, the `Sessions` extractor outside of it.

use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use session_guard::axum::{LoggedOut, StepUpError};
use session_guard::{
    AuthSession, Guard, GuardError, IssuedToken, NewSession, SessionStore, Sessions,
};

pub(crate) fn app<S: SessionStore>(guard: Guard<S, String>) -> Router {
    Router::new()
        .route("/untouched", get(async || "hello"))
        .route("/me", get(me))
        .route("/set", post(nothing_is_stored))
        .route("/set-many", post(nothing_is_stored))
        .route("/slow-set", post(slow_set))
        .route("/data", get(nothing_is_stored))
        .route("/rotate", post(rotate::<S>))
        .layer(guard.layer())
        .route("/sign-in", post(sign_in::<S>))
        .route("/sign-out", post(sign_out::<S>))
        .with_state(guard)
}

#[derive(Deserialize)]
struct Slow {
    ms: u64,
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

async fn me(session: AuthSession<String>) -> String {
    session.subject
}

async fn nothing_is_stored() -> StatusCode {
    StatusCode::NOT_IMPLEMENTED
}

/// As slow as elsewhere; there is nothing that it could store.
async fn slow_set(_session: AuthSession<String>, Query(slow): Query<Slow>) -> StatusCode {
    session_bench_kit::print_waiting();
    tokio::time::sleep(Duration::from_millis(slow.ms)).await;
    StatusCode::NOT_IMPLEMENTED
}

async fn sign_in<S: SessionStore>(
    sessions: Sessions<S, String>,
    Query(who): Query<Who>,
) -> Result<(NewSession, &'static str), GuardError> {
    Ok((sessions.login(&who.user).await?, "ok"))
}

async fn sign_out<S: SessionStore>(
    sessions: Sessions<S, String>,
) -> Result<(LoggedOut, &'static str), GuardError> {
    Ok((sessions.logout().await?, "ok"))
}

/// The library rotates by itself every ten minutes. What changes a token at once and keeps the
/// session is completing a step-up, after the application has verified the user again.
async fn rotate<S: SessionStore>(
    session: AuthSession<String>,
    sessions: Sessions<S, String>,
) -> Result<(IssuedToken, &'static str), StepUpError> {
    Ok((sessions.complete_step_up(&session.subject).await?, "ok"))
}
