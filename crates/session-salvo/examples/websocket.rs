//! A WebSocket that ends when its session does, and when the server stops.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use salvo_core::http::Method;
use salvo_core::prelude::*;
use salvo_extra::websocket::{Message, WebSocket, WebSocketUpgrade};
use session_core::{CrossSiteGuard, RequestHead, SessionStore};
use session_salvo::{RequireUser, Session, SessionError, SessionHandler};
use tokio::sync::watch;

/// Becomes `true` when the server is to stop.
type Stopping = watch::Receiver<bool>;

struct Socket {
    stopping: Stopping,
}

#[handler]
impl Socket {
    async fn handle(
        &self,
        who: RequireUser,
        request: &mut Request,
        response: &mut Response,
    ) -> Result<(), SessionError> {
        // Any page can make a browser send this GET, with the cookie, so it is looked at like a POST.
        let (uri, headers) = (request.uri(), request.headers());
        CrossSiteGuard::new().check(RequestHead { method: &Method::POST, uri, headers })?;
        let stopping = self.stopping.clone();
        let upgrade = WebSocketUpgrade::new();
        let talk = move |socket| talk(socket, who.session, stopping);
        if let Err(refused) = upgrade.upgrade(request, response, talk).await {
            response.render(refused);
        }
        Ok(())
    }
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
                Some(Ok(message)) if message.is_text() => {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
    let _ = socket.send(Message::close()).await;
}

pub fn app(store: SessionStore, stopping: Stopping) -> Router {
    Router::with_path("socket").hoop(SessionHandler::new(store)).get(Socket { stopping })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let (_stop, stopping) = watch::channel(false); // send `true` when the server is to stop
    let listener = salvo_core::conn::TcpListener::new("127.0.0.1:3000").bind().await;
    println!("http://localhost:3000/socket");
    Ok(Server::new(listener).try_serve(app(store, stopping)).await?)
}
