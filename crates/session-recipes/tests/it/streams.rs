//! Streams over real sockets: they end with their session, and when the server stops.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use salvo_core::conn::{Acceptor, Listener};
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use session_recipes::{on_axum, on_salvo};
use session_test::{TestApp, TestClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longer than a stream takes to learn of an end, if everything is right.
const PATIENCE: Duration = Duration::from_secs(20);

/// What ends a stream.
#[derive(Debug, Clone, Copy)]
enum End {
    /// In this process.
    SignOut,
    /// By another server, over the same database.
    Elsewhere,
    /// The server is to stop.
    Stop,
}

const ENDS: [End; 3] = [End::SignOut, End::Elsewhere, End::Stop];

/// One server with a user, and what may end the stream.
struct Stage {
    address: SocketAddr,
    cookie: String,
    stop: watch::Sender<bool>,
    here: SessionStore,
    elsewhere: SessionStore,
}

impl Stage {
    async fn end(&self, end: End) {
        let alice = "alice".parse().unwrap();
        match end {
            End::SignOut => drop(self.here.revoke_all(&alice).await.unwrap()),
            End::Elsewhere => drop(self.elsewhere.revoke_all(&alice).await.unwrap()),
            End::Stop => drop(self.stop.send(true)),
        }
    }
}

async fn on_axum(app: fn(SessionStore, watch::Receiver<bool>) -> axum::Router) -> Stage {
    let (stop, stopping) = watch::channel(false);
    let stores = stores();
    let app = app(stores.0.clone(), stopping);
    let cookie = signed_in(app.clone(), &stores.0).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move { axum::serve(listener, app).await.unwrap() });
    Stage { address, cookie, stop, here: stores.0, elsewhere: stores.1 }
}

async fn on_salvo(app: fn(SessionStore, watch::Receiver<bool>) -> salvo_core::Router) -> Stage {
    let (stop, stopping) = watch::channel(false);
    let stores = stores();
    let router = app(stores.0.clone(), stopping.clone());
    let cookie = signed_in(salvo_core::Service::new(router), &stores.0).await;
    let acceptor = salvo_core::conn::TcpListener::new("127.0.0.1:0").bind().await;
    let address = acceptor.holdings()[0].local_addr.clone().into_std().unwrap();
    let router = app(stores.0.clone(), stopping);
    spawn(async move { salvo_core::Server::new(acceptor).serve(router).await });
    Stage { address, cookie, stop, here: stores.0, elsewhere: stores.1 }
}

/// Serves until the test ends and takes its runtime with it.
#[expect(clippy::disallowed_methods, reason = "a test's server is a task")]
fn spawn(serving: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(serving);
}

/// Two servers' stores over one database.
fn stores() -> (SessionStore, SessionStore) {
    let backend = std::sync::Arc::new(MemoryBackend::new());
    let store = || SessionStore::shared(backend.clone(), SessionConfig::default()).unwrap();
    (store(), store())
}

/// The cookie of a user.
async fn signed_in(app: impl TestApp, store: &SessionStore) -> String {
    let client = TestClient::new(app, store.clone());
    client.sign_in("alice").await;
    format!("_session={}", client.cookie("_session").unwrap())
}

#[tokio::test]
async fn events() {
    for end in ENDS {
        for stage in [on_axum(on_axum::events::app).await, on_salvo(on_salvo::events::app).await] {
            let mut stream = TcpStream::connect(stage.address).await.unwrap();
            let request = format!(
                "GET /events HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0\r\nCookie: {}\r\nConnection: close\r\n\r\n",
                stage.cookie
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut heard = String::new();
            let mut bytes = [0; 1024];
            while !heard.contains("data") {
                let count = stream.read(&mut bytes).await.unwrap();
                assert!(count > 0, "{end:?}: closed after {heard:?}");
                heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            stage.end(end).await;
            let rest = stream.read_to_string(&mut heard);
            tokio::time::timeout(PATIENCE, rest).await.expect("the stream ends").unwrap();
        }
    }
}

#[tokio::test]
async fn websocket() {
    for end in ENDS {
        let stages =
            [on_axum(on_axum::websocket::app).await, on_salvo(on_salvo::websocket::app).await];
        for stage in stages {
            let url = format!("ws://{}/socket", stage.address);
            let request = |origin: String| {
                let mut request = url.as_str().into_client_request().unwrap();
                let headers = request.headers_mut();
                headers.insert("cookie", stage.cookie.parse().unwrap());
                headers.insert("origin", origin.parse().unwrap());
                request
            };
            let forged = tokio_tungstenite::connect_async(request("https://evil.example".into()));
            match forged.await {
                Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
                other => panic!("another site's page got {other:?}"),
            }
            let own = request(format!("http://{}", stage.address));
            let (mut socket, _) = tokio_tungstenite::connect_async(own).await.unwrap();
            socket.send(Message::text("hello")).await.unwrap();
            let answer = socket.next().await.unwrap().unwrap();
            assert_eq!(answer, Message::text("hello"));
            stage.end(end).await;
            let closed = tokio::time::timeout(PATIENCE, socket.next()).await;
            let closed = closed.expect("the socket ends");
            assert!(matches!(closed, Some(Ok(Message::Close(_))) | None), "{end:?}: {closed:?}");
        }
    }
}

#[tokio::test]
async fn tests_of_an_application() {
    on_axum::testing::who_is_signed_in().await;
    on_salvo::testing::who_is_signed_in().await;
}
