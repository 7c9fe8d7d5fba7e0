//! Over a real socket: where the peer's address comes from.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use session_axum::{Peer, Session, layer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::store;

async fn ip(session: Session) -> String {
    session.meta().ip_address().map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
}

fn app() -> Router {
    Router::new().route("/", get(ip)).layer(layer(store()))
}

async fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

/// Serves until the test ends and takes its runtime with it.
#[expect(clippy::disallowed_methods, reason = "a test's server is a task")]
async fn serve(app: Router, with_connect_info: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        if with_connect_info {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, app).await.unwrap();
        } else {
            axum::serve(listener, app).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn connect_info_is_the_peer() {
    // Loopback is trusted, so the header counts.
    assert_eq!(ask(serve(app(), true).await).await, "203.0.113.9");
}

#[tokio::test]
async fn without_connect_info_the_peer_is_unknown_and_not_believed() {
    assert_eq!(ask(serve(app(), false).await).await, "unknown");
}

#[tokio::test]
async fn a_peer_in_the_extensions_wins() {
    let stranger = Peer::Ip([198, 51, 100, 7].into());
    let app = app().layer(from_fn(move |mut request: Request, next: Next| {
        request.extensions_mut().insert(stranger);
        next.run(request)
    }));
    assert_eq!(ask(serve(app, true).await).await, "198.51.100.7");
}
