//! A message for the page after the redirect.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};
use session_axum::{Session, SessionError};
use session_core::{FlashLevel, SessionStore};

async fn save(session: Session) -> Result<Redirect, SessionError> {
    session.flash(FlashLevel::Success, "Your address is saved.")?;
    Ok(Redirect::to("/"))
}

async fn sign_out(session: Session) -> Result<Redirect, SessionError> {
    session.logout().await?;
    session.flash(FlashLevel::Info, "You are signed out.")?; // before or after the sign-out
    Ok(Redirect::to("/"))
}

async fn home(session: Session) -> Result<String, SessionError> {
    let messages = session.take_flashes()?; // shown once; a template escapes the text
    Ok(messages.iter().map(|message| format!("[{}] {}\n", message.level, message.text)).collect())
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/address", post(save))
        .route("/sign-out", post(sign_out))
        .layer(session_axum::layer(store))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let app = app(store).into_make_service_with_connect_info::<std::net::SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://localhost:3000/");
    Ok(axum::serve(listener, app).await?)
}
