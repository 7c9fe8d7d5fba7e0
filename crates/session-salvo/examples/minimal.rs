//! A message for the page after the redirect.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use salvo_core::prelude::*;
use session_core::{FlashLevel, SessionStore};
use session_salvo::{Session, SessionError, SessionHandler};

#[handler]
async fn save(session: Session) -> Result<Redirect, SessionError> {
    session.flash(FlashLevel::Success, "Your address is saved.")?;
    Ok(Redirect::other("/"))
}

#[handler]
async fn sign_out(session: Session) -> Result<Redirect, SessionError> {
    session.logout().await?;
    session.flash(FlashLevel::Info, "You are signed out.")?; // before or after the sign-out
    Ok(Redirect::other("/"))
}

#[handler]
async fn home(session: Session) -> Result<String, SessionError> {
    let messages = session.take_flashes()?; // shown once; a template escapes the text
    Ok(messages.iter().map(|message| format!("[{}] {}\n", message.level, message.text)).collect())
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .hoop(SessionHandler::new(store))
        .get(home)
        .push(Router::with_path("address").post(save))
        .push(Router::with_path("sign-out").post(sign_out))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let listener = salvo_core::conn::TcpListener::new("127.0.0.1:3000").bind().await;
    println!("http://localhost:3000/");
    Ok(Server::new(listener).try_serve(app(store)).await?)
}
