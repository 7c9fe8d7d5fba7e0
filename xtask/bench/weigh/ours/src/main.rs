//! A small application on axum and SQLite, with this project's sessions.

use std::error::Error;

use axum::Router;
use axum::routing::{get, post};
use session_axum::{RequireUser, Session, SessionError};
use session_core::{SessionConfig, SessionStore};
use session_sqlite::SqliteBackend;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let backend = SqliteBackend::connect("sqlite:sessions.db").await?;
    backend.migrate().await?;
    let store = SessionStore::new(backend, SessionConfig::default())?;
    let _cleanup = store.cleanup_job().spawn();
    let app = Router::new()
        .route("/sign-in", post(sign_in))
        .route("/me", get(me))
        .layer(session_axum::layer(store));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

async fn sign_in(session: Session) -> Result<&'static str, SessionError> {
    session.authenticate("alice").await?;
    Ok("signed in")
}

async fn me(RequireUser { user, .. }: RequireUser) -> String {
    user.to_string()
}
