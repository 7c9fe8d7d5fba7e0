//! The routes on axum with this project's sessions.

use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use session_axum::{RequireUser, Session, SessionError};

fn main() -> Result<(), session_bench_kit::Failure> {
    session_bench_kit::axum::run(|database| async move {
        let store = bench_ours_store::open(&database).await?;
        Ok(Router::new()
            .route("/untouched", get(untouched))
            .route("/me", get(me))
            .route("/set", post(set))
            .route("/set-many", post(set_many))
            .route("/slow-set", post(slow_set))
            .route("/data", get(data))
            .route("/sign-in", post(sign_in))
            .route("/sign-out", post(sign_out))
            .route("/rotate", post(rotate))
            .layer(session_axum::layer(store)))
    })
}

async fn untouched() -> &'static str {
    "hello"
}

async fn me(RequireUser { user, .. }: RequireUser) -> String {
    user.to_string()
}

#[derive(Deserialize)]
struct Set {
    key: String,
    value: String,
    #[serde(default)]
    ms: u64,
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
    session_bench_kit::print_waiting();
    tokio::time::sleep(Duration::from_millis(ms)).await;
    session.set(key.as_str(), value)?;
    Ok("ok")
}

#[derive(Deserialize)]
struct SetMany {
    n: u32,
}

async fn set_many(
    session: Session,
    Query(SetMany { n }): Query<SetMany>,
) -> Result<&'static str, SessionError> {
    for nth in 0..n {
        session.set(format!("k{nth}").as_str(), nth)?;
    }
    Ok("ok")
}

async fn data(session: Session) -> String {
    session.data().to_json()
}

#[derive(Deserialize)]
struct SignIn {
    user: String,
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
