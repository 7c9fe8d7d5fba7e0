//! Other bodies, and no axum at all.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use session_axum::{Session, layer};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{request, store};

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
