//! The answers that the library itself gives, plain and shaped.

use axum::Router;
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE};
use axum::routing::{get, post};
use session_axum::{RequireUser, Session, SessionError, SessionLayer, layer};

use session_core::{OnBackendError, SessionConfig};

use crate::support::{
    call, cookie, request, request_with_cookie, store, store_that_is_down, store_that_is_down_with,
    text,
};

fn app(layer: SessionLayer) -> Router {
    Router::new()
        .route("/me", get(|RequireUser { user, .. }: RequireUser| async move { user.to_string() }))
        .route("/anybody", get(|_: Session| async { "hello" }))
        .route(
            "/sign-in",
            get(|session: Session| async move {
                session.authenticate("alice").await?;
                Ok::<_, SessionError>("signed in")
            }),
        )
        .route(
            "/too-much",
            get(|session: Session| async move {
                session.set("k", "x".repeat(100_000))?;
                Ok::<_, SessionError>("stored")
            }),
        )
        .layer(layer)
}

fn shaped(layer: SessionLayer) -> SessionLayer {
    layer.on_error(|error, _| (error.status(), format!("<{}>", error.code())))
}

#[tokio::test]
async fn errors_are_answered() {
    let token = format!("_session={}", "a".repeat(64));
    for (name, down, path, cookie, status, plain, shape) in [
        (
            "nobody is signed in",
            false,
            "/me",
            "",
            401,
            "nobody is signed in\n",
            "<unauthenticated>",
        ),
        (
            "the database is down",
            true,
            "/anybody",
            token.as_str(),
            503,
            "the session backend is unavailable\n",
            "<unavailable>",
        ),
        ("a database that nobody asks is not missed", true, "/anybody", "", 200, "hello", "hello"),
        (
            "too much data",
            false,
            "/too-much",
            "",
            413,
            "the session's data would be 100008 bytes, and 8192 are allowed\n",
            "<data_too_large>",
        ),
    ] {
        let store = || if down { store_that_is_down() } else { store() };
        for (app, expected) in [(app(layer(store())), plain), (app(shaped(layer(store()))), shape)]
        {
            let response = call(&app, request_with_cookie(path, cookie)).await;
            assert!(!response.headers().contains_key(SET_COOKIE), "{name}");
            let retry = response.headers().contains_key(RETRY_AFTER);
            assert_eq!(retry, status == 503, "{name}");
            if status >= 400 {
                assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{name}");
            }
            assert_eq!(
                text(response).await,
                (status.try_into().unwrap(), expected.to_owned()),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_layer_is_a_500_that_says_nothing_to_the_visitor() {
    let app = Router::new().route("/", get(|_: Session| async { "hello" }));
    let (status, body) = text(call(&app, request("/")).await).await;
    assert_eq!((status.as_u16(), body.as_str()), (500, "internal error\n"));
}

#[tokio::test]
async fn two_layers_are_a_500_shaped_by_the_inner_one() {
    let app = app(shaped(layer(store()))).layer(layer(store()));
    let (status, body) = text(call(&app, request("/anybody")).await).await;
    assert_eq!((status.as_u16(), body.as_str()), (500, "<internal>"));
}

#[tokio::test]
async fn require_user_lets_users_in() {
    let app = app(layer(store()));
    let signed_in = cookie(&call(&app, request("/sign-in")).await);
    let answer = text(call(&app, request_with_cookie("/me", &signed_in)).await).await;
    assert_eq!((answer.0.as_u16(), answer.1.as_str()), (200, "alice"));
}

#[tokio::test]
async fn an_outage_that_goes_on_as_a_visitor_is_not_nobody_signed_in() {
    let config =
        SessionConfig { on_backend_error: OnBackendError::Anonymous, ..SessionConfig::default() };
    let app = app(shaped(layer(store_that_is_down_with(config))));
    let token = format!("_session={}", "a".repeat(64));
    for (path, expected) in [("/anybody", "hello"), ("/me", "<unavailable>")] {
        let response = call(&app, request_with_cookie(path, &token)).await;
        assert_eq!(text(response).await.1, expected, "{path}");
    }
}

#[tokio::test]
async fn an_eager_layer_answers_for_a_database_that_is_down() {
    let app = app(shaped(layer(store_that_is_down()).eager()));
    let token = format!("_session={}", "a".repeat(64));
    let response = call(&app, request_with_cookie("/nowhere", &token)).await;
    assert_eq!(text(response).await.1, "<unavailable>");
}

/// In a request it is `logout_all` that clears the cookie and lets the handler leave a note.
#[tokio::test]
async fn an_administrator_s_end_is_not_told_to_this_browser() {
    for (path, status, clears) in [("/revoke-all", 409, false), ("/logout-all", 200, true)] {
        let store = store();
        let revokes = {
            let store = store.clone();
            async move |RequireUser { user, session }: RequireUser| {
                store.revoke_all(&user).await?;
                session.set("note", "you are signed out")?;
                Ok::<_, SessionError>("done")
            }
        };
        let logs_out = async |session: Session| {
            session.logout_all().await?;
            session.set("note", "you are signed out")?;
            Ok::<_, SessionError>("done")
        };
        let app = app(layer(store.clone())).merge(
            Router::new()
                .route("/revoke-all", post(revokes))
                .route("/logout-all", post(logs_out))
                .layer(layer(store)),
        );
        let user = cookie(&call(&app, request("/sign-in")).await);
        let mut request = request_with_cookie(path, &user);
        *request.method_mut() = Method::POST;
        let response = call(&app, request).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        // The note's own session takes the cookie's place.
        let set = response.headers().get(SET_COOKIE).map(|_| cookie(&response));
        assert_eq!(set.is_some_and(|set| set != user), clears, "{path}");
    }
}
