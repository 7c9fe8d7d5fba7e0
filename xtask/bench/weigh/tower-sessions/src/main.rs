//! A small application on axum and SQLite, with tower-sessions.

use std::error::Error;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower_sessions::{ExpiredDeletion, Expiry, Session, SessionManagerLayer};
use tower_sessions_sqlx_store::{SqliteStore, sqlx::SqlitePool};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::new(SqlitePool::connect("sqlite:sessions.db").await?);
    store.migrate().await?;
    let cleanup = store.clone().continuously_delete_expired(tokio::time::Duration::from_secs(900));
    let _cleanup = tokio::spawn(cleanup);
    let app = Router::new().route("/sign-in", post(sign_in)).route("/me", get(me)).layer(
        SessionManagerLayer::new(store).with_expiry(Expiry::OnInactivity(time::Duration::days(30))),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

async fn sign_in(session: Session) -> Result<&'static str, StatusCode> {
    session.cycle_id().await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    session.insert("user", "alice").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok("signed in")
}

async fn me(session: Session) -> Result<String, StatusCode> {
    let user = session.get::<String>("user").await;
    user.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.ok_or(StatusCode::UNAUTHORIZED)
}
