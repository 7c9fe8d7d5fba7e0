//! session-guard, set up as its README's quick start does: its layer around the routes of signed-in
//! users, the `Sessions` extractor outside of it.
//!
//! It holds who is signed in and no data of the application, so the routes that store answer 501.
//! Databases: `memory:`, `postgres:`, and `redis:` for Valkey or Redis; it has none for SQLite.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, Query};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Router};
use session_bench_kit::{Database, Failure, Set, SignIn, linger};
use session_guard::axum::{LoggedOut, StepUpError};
use session_guard::{
    AuthSession, Guard, GuardConfig, GuardError, IssuedToken, MemoryStore, NewSession, PgStore,
    SessionStore, Sessions, ValkeyStore,
};
use sqlx::postgres::PgPoolOptions;

pub(crate) async fn app(database: &Database) -> Result<Router, Failure> {
    match database.scheme() {
        "memory" => over(MemoryStore::new()),
        "postgres" => {
            let pool = PgPoolOptions::new()
                .max_connections(database.connections)
                .acquire_timeout(Duration::from_secs(5));
            over(PgStore::migrated(pool.connect(&database.url).await?).await?)
        }
        "redis" => over(ValkeyStore::connect(&database.url).await?),
        other => Err(format!("no store for {other}:").into()),
    }
}

/// Its defaults, but that a user is a name.
fn over<S: SessionStore>(store: S) -> Result<Router, Failure> {
    let guard: Guard<S, String> =
        Guard::builder(store, GuardConfig::builder().build()?).subject::<String>().build();
    // It asks for the peer's address, which nobody else here does.
    let peer = ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000)));
    Ok(Router::new()
        .route("/untouched", get(async || "hello"))
        .route("/me", get(me))
        .route("/set", post(nothing_is_stored))
        .route("/slow-set", post(slow_set))
        .route("/data", get(nothing_is_stored))
        .route("/rotate", post(rotate::<S>))
        .layer(guard.layer())
        .route("/sign-in", post(sign_in::<S>))
        .route("/sign-out", post(sign_out::<S>))
        .with_state(guard)
        .layer(Extension(peer)))
}

async fn me(session: AuthSession<String>) -> String {
    session.subject
}

async fn nothing_is_stored() -> StatusCode {
    StatusCode::NOT_IMPLEMENTED
}

/// As slow as elsewhere; there is nothing that it could store.
async fn slow_set(_session: AuthSession<String>, Query(slow): Query<Set>) -> StatusCode {
    linger(slow.ms).await;
    StatusCode::NOT_IMPLEMENTED
}

async fn sign_in<S: SessionStore>(
    sessions: Sessions<S, String>,
    Query(who): Query<SignIn>,
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
