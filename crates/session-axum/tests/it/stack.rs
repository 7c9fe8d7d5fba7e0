//! Other layers around and inside, other bodies, and no axum at all.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, SET_COOKIE};
use axum::http::{Request, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use session_axum::{Session, SessionError, layer};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::support::{call, request, store, text};

async fn visits(session: Session) -> Result<String, SessionError> {
    let visits = session.get("visits")?.unwrap_or(0_u64) + 1;
    session.set("visits", visits)?;
    Ok(format!("visit number {visits} {}", "x".repeat(100)))
}

#[tokio::test]
async fn inside_and_outside_of_compression() {
    let session = layer(store());
    for (name, app) in [
        (
            "the session outside",
            Router::new()
                .route("/", get(visits))
                .layer(ServiceBuilder::new().layer(session.clone()).layer(CompressionLayer::new())),
        ),
        (
            "the session inside",
            Router::new()
                .route("/", get(visits))
                .layer(ServiceBuilder::new().layer(CompressionLayer::new()).layer(session.clone())),
        ),
    ] {
        let mut request = request("/");
        request.headers_mut().insert(ACCEPT_ENCODING, "gzip".parse().unwrap());
        let response = call(&app, request).await;
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip", "{name}");
        assert!(response.headers().contains_key(SET_COOKIE), "{name}");
    }
}

#[tokio::test]
async fn a_panic_passes_through_to_the_catcher_outside() {
    let app = Router::new()
        .route(
            "/",
            get(|session: Session| async move {
                session.set("k", 1).unwrap();
                panic!("on purpose");
                #[expect(unreachable_code, reason = "gives the handler a type")]
                ""
            }),
        )
        .layer(layer(store()))
        .layer(CatchPanicLayer::new());
    let response = call(&app, request("/")).await;
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert_eq!(text(response).await.0.as_u16(), 500);
}

/// Neither axum's router nor axum's bodies: any tower service will do.
#[tokio::test]
async fn any_tower_service_with_any_body() {
    use axum_core::extract::FromRequestParts;

    let service = service_fn(|request: Request<Empty<Bytes>>| async move {
        let (mut parts, _) = request.into_parts();
        let session = Session::from_request_parts(&mut parts, &()).await.unwrap();
        session.set("k", 1).unwrap();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"stored"))))
    });
    let service = layer(store()).layer(service);
    let response = service.oneshot(Request::new(Empty::new())).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"stored");
}

/// Bodies that cannot be made from bytes pass through unchanged.
#[tokio::test]
async fn streams_pass_through() {
    let service = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Body::from("a stream")))
    });
    let response = layer(store()).layer(service).oneshot(request("/")).await.unwrap();
    assert!(response.headers().is_empty());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"a stream");
}
