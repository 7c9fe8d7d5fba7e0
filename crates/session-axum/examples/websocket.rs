//! A WebSocket that ends when its session does, and when the server stops.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::get;
use session_axum::{RequireUser, Session, SessionError};
use session_core::{CrossSiteGuard, RequestHead, SessionStore};
use tokio::sync::watch;

/// Becomes `true` when the server is to stop.
type Stopping = watch::Receiver<bool>;

async fn connect(
    who: RequireUser,
    State(stopping): State<Stopping>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, SessionError> {
    // Any page can make a browser send this GET, with the cookie, so it is looked at like a POST.
    let head = RequestHead { method: &Method::POST, uri: &uri, headers: &headers };
    CrossSiteGuard::new().check(head)?;
    Ok(upgrade.on_upgrade(move |socket| talk(socket, who.session, stopping)))
}

async fn stops(stopping: &mut Stopping) {
    drop(stopping.wait_for(|stop| *stop).await);
}

async fn talk(mut socket: WebSocket, session: Session, mut stopping: Stopping) {
    let mut ended = session.until_ended();
    loop {
        tokio::select! {
            () = &mut ended => break,
            () = stops(&mut stopping) => break,
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    if socket.send(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

pub fn app(store: SessionStore, stopping: Stopping) -> Router {
    Router::new()
        .route("/socket", get(connect))
        .layer(session_axum::layer(store))
        .with_state(stopping)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let (stop, stopping) = watch::channel(false);
    let app = app(store, stopping).into_make_service_with_connect_info::<std::net::SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://localhost:3000/socket");
    Ok(axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            drop(tokio::signal::ctrl_c().await);
            let _ = stop.send(true);
        })
        .await?)
}
