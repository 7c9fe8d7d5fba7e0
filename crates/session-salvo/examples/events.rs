//! Server-sent events that end when their session does, and when the server stops.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use std::convert::Infallible;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use salvo_core::prelude::*;
use salvo_extra::sse::{self, SseEvent};
use session_core::SessionStore;
use session_salvo::{RequireUser, SessionHandler};
use tokio::sync::watch;
use tokio::time::{Interval, interval};

/// Becomes `true` when the server is to stop.
type Stopping = watch::Receiver<bool>;

struct Events {
    stopping: Stopping,
}

#[handler]
impl Events {
    async fn handle(&self, who: RequireUser, response: &mut Response) {
        let ended = who.session.until_ended();
        let mut stopping = self.stopping.clone();
        let over = async move {
            tokio::select! {
                () = ended => {}
                () = async { drop(stopping.wait_for(|stop| *stop).await) } => {}
            }
        };
        let news =
            stream::unfold(interval(Duration::from_secs(30)), |mut clock: Interval| async move {
                clock.tick().await;
                Some((Ok::<_, Infallible>(SseEvent::default().text("still here")), clock))
            });
        sse::stream(response, news.take_until(Box::pin(over)));
    }
}

pub fn app(store: SessionStore, stopping: Stopping) -> Router {
    Router::with_path("events").hoop(SessionHandler::new(store)).get(Events { stopping })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let (_stop, stopping) = watch::channel(false); // send `true` when the server is to stop
    let listener = salvo_core::conn::TcpListener::new("127.0.0.1:3000").bind().await;
    println!("http://localhost:3000/events");
    Ok(Server::new(listener).try_serve(app(store, stopping)).await?)
}
