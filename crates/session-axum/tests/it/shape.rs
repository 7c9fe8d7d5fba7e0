//! What becomes of an answer of ours between whoever gave it and the client: layers inside may take
//! it over or add to it, the application shapes it, and one that takes a success's place keeps little.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_TYPE, COOKIE, ETAG, LOCATION, RETRY_AFTER, SET_COOKIE, VARY,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::get;
use session_axum::{RequireUser, Session, SessionError, SessionLayer, layer};
use session_core::{Error, ErrorKind, RequestHead};
use tower_http::compression::CompressionLayer;

use crate::support::{call, request, store, store_that_is_down, text};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn shaped(layer: SessionLayer) -> SessionLayer {
    layer.on_error(|error, _| {
        (error.status(), [(CONTENT_TYPE, "application/json")], format!("<{}>", error.code()))
    })
}

async fn me(_: RequireUser) -> &'static str {
    "hello"
}

/// An answer of ours that is worth compressing.
async fn says_much() -> Result<(), SessionError> {
    let error = Error::from_kind(ErrorKind::SessionEnded);
    Err(error.with_context("the very same words again ".repeat(10)).into())
}

async fn busy() -> Result<(), SessionError> {
    Err(ErrorKind::Unavailable.into())
}

/// A layer inside of the session's, around the handlers.
async fn inside(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(&X_REQUEST_ID, HeaderValue::from_static("7"));
    headers.append(VARY, HeaderValue::from_static("Origin"));
    headers.append(SET_COOKIE, HeaderValue::from_static("inner=1"));
    headers.append(SET_COOKIE, HeaderValue::from_static("inner=2"));
    response
}

#[tokio::test]
async fn what_layers_inside_put_on_an_answer_of_ours_stays() {
    let routes = || Router::new().route("/", get(me)).layer(map_response(inside));
    for (name, app, body) in [
        ("plain", routes().layer(layer(store())), "nobody is signed in\n"),
        ("shaped", routes().layer(shaped(layer(store()))), "<unauthenticated>"),
    ] {
        let response = call(&app, request("/")).await;
        let headers = response.headers();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{name}");
        assert_eq!(headers[&X_REQUEST_ID], "7", "{name}");
        assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2, "{name}");
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{name}");
        let vary: Vec<_> = headers.get_all(VARY).iter().collect();
        assert_eq!(vary, ["Origin", "Cookie"], "{name}");
        assert_eq!(headers[CONTENT_LENGTH], body.len().to_string(), "{name}");
        assert_eq!(text(response).await, (StatusCode::UNAUTHORIZED, body.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn what_layers_inside_made_of_an_answer_of_ours_stays() {
    async fn to_sign_in(mut response: Response) -> Response {
        if response.status() == StatusCode::UNAUTHORIZED {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/sign-in"));
        }
        response
    }
    async fn to_page(mut response: Response) -> Response {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        *response.body_mut() = "<p>later".into();
        response
    }
    async fn to_words(response: Response) -> Response {
        response.map(|_| "other words".into())
    }
    let plain = "nobody is signed in\n";
    for (name, routes, status, body) in [
        (
            "another status",
            Router::new().route("/", get(me).layer(map_response(to_sign_in))),
            303,
            plain,
        ),
        ("a page", Router::new().route("/", get(me).layer(map_response(to_page))), 401, "<p>later"),
        (
            "other words",
            Router::new().route("/", get(me).layer(map_response(to_words))),
            401,
            "other words",
        ),
    ] {
        let response = call(&routes.layer(shaped(layer(store()))), request("/")).await;
        assert_eq!(response.headers().contains_key(LOCATION), status == 303, "{name}");
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(text(response).await, (status, body.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn what_layers_inside_said_of_the_body_goes_with_it() {
    let app = Router::new()
        .route("/", get(says_much))
        .layer(CompressionLayer::new())
        .layer(shaped(layer(store())));
    let mut request = request("/");
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let response = call(&app, request).await;
    assert!(!response.headers().contains_key(CONTENT_ENCODING));
    assert_eq!(text(response).await, (StatusCode::CONFLICT, "<session_ended>".to_owned()));
}

/// Only what our own words said of themselves is taken back.
#[tokio::test]
async fn a_layer_inside_that_knows_better_is_heard() {
    async fn knows(mut response: Response) -> Response {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        response
    }
    let app = Router::new()
        .route("/", get(busy))
        .layer(map_response(knows))
        .layer(shaped(layer(store())));
    let response = call(&app, request("/")).await;
    assert_eq!(response.headers()[RETRY_AFTER], "60");
    assert_eq!(response.headers()[CACHE_CONTROL], "private");

    let elsewhere = layer(store())
        .on_error(|_, _| (StatusCode::SEE_OTHER, [(LOCATION, "/"), (CACHE_CONTROL, "max-age=1")]));
    let app = Router::new().route("/", get(busy)).layer(elsewhere);
    let response = call(&app, request("/")).await;
    assert!(!response.headers().contains_key(RETRY_AFTER), "it speaks of a 503");
    assert!(!response.headers().contains_key(CONTENT_TYPE), "it speaks of our words");
    assert_eq!(response.headers()[CACHE_CONTROL], "max-age=1");
}

#[tokio::test]
async fn an_answer_to_head_is_shaped_without_its_body() {
    async fn without_body(request: Request, next: Next) -> Response {
        next.run(request).await.map(|_| axum::body::Body::empty())
    }
    let app = Router::new()
        .route("/", get(me).layer(from_fn(without_body)))
        .layer(shaped(layer(store())));
    let mut request = request("/");
    *request.method_mut() = Method::HEAD;
    let response = call(&app, request).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(text(response).await, (StatusCode::UNAUTHORIZED, String::new()));
}

/// Promises what cannot be saved.
async fn promises(session: Session) -> Result<impl IntoResponse, SessionError> {
    session.set("k", 1)?;
    let headers = [
        (LOCATION, "/thanks"),
        (ETAG, "\"1\""),
        (CACHE_CONTROL, "max-age=60"),
        (CONTENT_TYPE, "text/html"),
        (HeaderName::from_static("hx-redirect"), "/thanks"),
        (HeaderName::from_static("x-accel-redirect"), "/thanks.html"),
    ];
    Ok((StatusCode::CREATED, AppendHeaders(headers), "stored"))
}

#[tokio::test]
async fn an_answer_in_the_place_of_a_success_keeps_only_what_is_not_about_it() {
    let routes = || Router::new().route("/", get(promises)).layer(map_response(inside));
    for (name, app, body) in [
        (
            "plain",
            routes().layer(layer(store_that_is_down())),
            "the session backend is unavailable\n",
        ),
        ("shaped", routes().layer(shaped(layer(store_that_is_down()))), "<unavailable>"),
    ] {
        let response = call(&app, request("/")).await;
        let headers = response.headers();
        for kept in [&ACCESS_CONTROL_ALLOW_ORIGIN, &X_REQUEST_ID] {
            assert!(headers.contains_key(kept), "{name}: {kept}");
        }
        let vary: Vec<_> = headers.get_all(VARY).iter().collect();
        assert_eq!(vary, ["Origin", "Cookie"], "{name}");
        for gone in ["location", "etag", "hx-redirect", "x-accel-redirect", "set-cookie"] {
            assert!(!headers.contains_key(gone), "{name}: {gone}");
        }
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{name}");
        assert_ne!(headers[CONTENT_TYPE], "text/html", "{name}");
        let expected = (StatusCode::SERVICE_UNAVAILABLE, body.to_owned());
        assert_eq!(text(response).await, expected, "{name}");
    }
}

/// A person goes to the sign-in page and knows the way back; a program is told in JSON.
#[tokio::test]
async fn the_shape_knows_the_request() {
    fn shape(error: &Error, request: RequestHead<'_>) -> Response {
        if error.status() == StatusCode::UNAUTHORIZED && request.is_navigation() {
            let next = request.path_for_query();
            return Redirect::to(&format!("/sign-in?next={next}")).into_response();
        }
        let json = format!("{} {}", request.method, error.code());
        (error.status(), [(CONTENT_TYPE, "application/json")], json).into_response()
    }
    let routes = || Router::new().route("/orders", get(me).post(me).put(promises));
    for layer in [layer(store_that_is_down()), layer(store_that_is_down()).eager()] {
        let app = routes().layer(layer.on_error(shape));
        for (name, method, accept, cookie, status, location, body) in [
            (
                "a person",
                "GET",
                "text/html",
                "",
                303,
                Some("/sign-in?next=%2Forders%3Fp%3D2%26q%3D%2525"),
                "",
            ),
            ("a form", "POST", "text/html", "", 401, None, "POST unauthenticated"),
            ("a program", "GET", "application/json", "", 401, None, "GET unauthenticated"),
            ("at the end", "PUT", "text/html", "", 503, None, "PUT unavailable"),
            ("at loading", "GET", "text/html", "_session=", 503, None, "GET unavailable"),
        ] {
            let mut request = request("/orders?p=2&q=%25");
            *request.method_mut() = method.parse().unwrap();
            request.headers_mut().insert(ACCEPT, accept.parse().unwrap());
            if !cookie.is_empty() {
                let cookie = format!("{cookie}{}", "a".repeat(64));
                request.headers_mut().insert(COOKIE, cookie.parse().unwrap());
            }
            let response = call(&app, request).await;
            let to = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
            assert_eq!(to.as_deref(), location, "{name}");
            let expected = (StatusCode::from_u16(status).unwrap(), body.to_owned());
            assert_eq!(text(response).await, expected, "{name}");
        }
    }
}
