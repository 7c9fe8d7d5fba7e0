//! Over real sockets: where the peer's address comes from.

use salvo_core::conn::{Acceptor, UnixListener};
use salvo_core::prelude::*;
use session_salvo::{Peer, Session, SessionHandler};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::support::store;

#[handler]
async fn seen(session: Session) -> String {
    session.meta().ip_address().map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
}

fn router() -> Router {
    Router::new().hoop(SessionHandler::new(store())).get(seen)
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let request =
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

/// Serves until the test ends and takes its runtime with it.
#[expect(clippy::disallowed_methods, reason = "a test's server is a task")]
fn serve(acceptor: impl Acceptor + 'static, router: Router) {
    tokio::spawn(Server::new(acceptor).try_serve(router));
}

async fn ask_over_tcp(router: Router) -> String {
    let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
    let address = acceptor.local_addr().unwrap();
    serve(acceptor, router);
    ask(TcpStream::connect(address).await.unwrap()).await
}

#[tokio::test]
async fn the_connection_is_the_peer() {
    // Loopback is trusted, so the header counts.
    assert_eq!(ask_over_tcp(router()).await, "203.0.113.9");
}

#[tokio::test]
async fn a_unix_socket_is_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    serve(UnixListener::new(path.clone()).bind().await, router());
    assert_eq!(ask(UnixStream::connect(path).await.unwrap()).await, "203.0.113.9");
}

#[tokio::test]
async fn a_peer_that_was_put_in_wins() {
    const STRANGER: Peer = Peer::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7)));

    #[handler]
    async fn in_depot(depot: &mut Depot) {
        depot.insert_typed(STRANGER);
    }
    #[handler]
    async fn in_extensions(request: &mut Request) {
        request.extensions_mut().insert(STRANGER);
    }
    #[handler]
    async fn nobody_knows(depot: &mut Depot) {
        depot.insert_typed(Peer::Unknown);
    }
    let around = || Router::new().push(router());
    assert_eq!(ask_over_tcp(around().hoop(in_depot)).await, "198.51.100.7");
    assert_eq!(ask_over_tcp(around().hoop(in_extensions)).await, "198.51.100.7");
    assert_eq!(ask_over_tcp(around().hoop(nobody_knows)).await, "unknown");
}
