//! What was committed before a panic reaches the browser, because panics are caught behind the sessions.
//! With a handler that no route of the demo has.

use axum::routing::post;
use salvo_core::{Router, Server, Writer, handler};
use serde_json::json;
use session_core::{MemoryBackend, Session, SessionConfig, SessionStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::answer::Answer;
use crate::{axum_app, salvo_app};

#[tokio::test]
async fn on_axum() {
    let store = store();
    let routes = axum::Router::new().route(
        "/",
        post(async |session: session_axum::Session| -> Answer {
            sign_in_and_panic(&session).await
        })
        .get(async |session: session_axum::Session| show(&session)),
    );
    let app = axum_app::behind(session_axum::layer(store.clone()), routes).with_state(store);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::select! {
        served = async { axum::serve(listener, app).await } => panic!("{served:?}"),
        () = check(address) => {}
    }
}

#[tokio::test]
async fn on_salvo() {
    #[handler]
    async fn panics(session: session_salvo::Session) -> Answer {
        sign_in_and_panic(&session).await
    }
    #[handler]
    async fn shows(session: session_salvo::Session) -> Answer {
        show(&session)
    }
    let routes = Router::new().post(panics).get(shows);
    let app = salvo_app::behind(session_salvo::SessionHandler::new(store()), routes);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = salvo_core::conn::tcp::TcpAcceptor::try_from(listener).unwrap();
    tokio::select! {
        () = Server::new(acceptor).serve(app) => panic!("it ended"),
        () = check(address) => {}
    }
}

fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

async fn sign_in_and_panic(session: &Session) -> Answer {
    session.authenticate("alice").await.unwrap();
    session.set("late", 1).unwrap();
    panic!("somebody asked for a panic")
}

fn show(session: &Session) -> Answer {
    Answer::json(&json!({ "user": session.user_id(), "late": session.contains("late") }))
}

async fn check(address: std::net::SocketAddr) {
    let panicked = exchange(address, "POST", "").await;
    assert!(panicked.starts_with("HTTP/1.1 500 "), "{panicked}");
    assert!(panicked.contains(r#""error":"internal""#), "{panicked}");
    let (_, cookie) = panicked.split_once("set-cookie: ").expect("the cookie of the sign-in");
    let (cookie, _) = cookie.split_once(';').unwrap();
    let shown = exchange(address, "GET", &format!("cookie: {cookie}\r\n")).await;
    assert!(shown.contains(r#""user":"alice""#), "{shown}");
    // What was only buffered is dropped.
    assert!(shown.contains(r#""late":false"#), "{shown}");
}

async fn exchange(address: std::net::SocketAddr, method: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} / HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
