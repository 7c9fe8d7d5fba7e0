//! Server-sent events that end when their session does, and when the server stops.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use session_axum::RequireUser;
use session_core::SessionStore;
use tokio::sync::watch;
use tokio::time::{Interval, interval};

/// Becomes `true` when the server is to stop.
type Stopping = watch::Receiver<bool>;

async fn events(
    who: RequireUser,
    State(mut stopping): State<Stopping>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ended = who.session.until_ended();
    let over = async move {
        tokio::select! {
            () = ended => {}
            () = async { drop(stopping.wait_for(|stop| *stop).await) } => {}
        }
    };
    let news =
        stream::unfold(interval(Duration::from_secs(30)), |mut clock: Interval| async move {
            clock.tick().await;
            Some((Ok(Event::default().data("still here")), clock))
        });
    Sse::new(news.take_until(Box::pin(over)))
}

pub fn app(store: SessionStore, stopping: Stopping) -> Router {
    Router::new()
        .route("/events", get(events))
        .layer(session_axum::layer(store))
        .with_state(stopping)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let (stop, stopping) = watch::channel(false);
    let app = app(store, stopping).into_make_service_with_connect_info::<std::net::SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://localhost:3000/events");
    Ok(axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            drop(tokio::signal::ctrl_c().await);
            let _ = stop.send(true);
        })
        .await?)
}
