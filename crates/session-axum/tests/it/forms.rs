//! What `docs/layers.md` says of forms: tokens that a session keeps, why a session ended, and a password
//! that is reset.

use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, Response, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use session_axum::{Session, SessionError, layer};
use session_core::{Carry, EndedBy, Key, SessionStore, SignIn, UserId};

use crate::support::{call, cookie, request, request_with_cookie, store, text};

const CART: Key<String> = Key::new("cart");
const CSRF: Key<String> = Key::new("csrf");
const FLASH: Key<String> = Key::new("flash");

/// A token for everybody; `says_why` is the middleware of the documentation, without it the naive one.
fn keep(session: &Session, says_why: bool) -> Result<(), SessionError> {
    if session.may_store() && !session.contains(CSRF) {
        if says_why && session.ended().is_some_and(|end| end.how == EndedBy::Revoked) {
            session.set(FLASH, "you were signed out on another device".to_owned())?;
        }
        session.set(CSRF, "unguessable".to_owned())?;
    }
    Ok(())
}

/// The sign-in, once with a token that the session keeps and once without: what a request's origin
/// decides needs no session.
async fn sign_in(session: Session, token: Query<Vec<(String, String)>>) -> impl IntoResponse {
    let sent = token.iter().find(|(name, _)| name == "csrf").map(|(_, value)| value.clone());
    if sent.is_some() && session.get(CSRF)? != sent {
        return Ok((StatusCode::FORBIDDEN, "the form is out of date"));
    }
    session.authenticate_with(SignIn::new("alice").carry(Carry::keys(&[&CART]))).await?;
    Ok::<_, SessionError>((StatusCode::OK, "signed in"))
}

async fn reset(session: Session, asks_who: bool) -> Result<&'static str, SessionError> {
    let user = UserId::new("alice")?;
    if asks_who && session.user_id().as_ref() == Some(&user) {
        session.logout_all().await?;
    } else {
        session.store().revoke_all(&user).await?;
    }
    session.set(FLASH, "the password is set".to_owned())?;
    Ok("reset")
}

fn app(store: SessionStore, says_why: bool) -> Router {
    let fill = async |session: Session| session.set(CART, "tea".into()).map_err(SessionError::from);
    let cart =
        async |session: Session| Ok::<_, SessionError>(session.get(CART)?.unwrap_or_default());
    let why = async |session: Session| {
        let ended = session.ended().map(|end| end.how.to_string());
        Ok::<_, SessionError>(session.take(FLASH)?.or(ended).unwrap_or_default())
    };
    Router::new()
        .route("/fill", post(fill))
        .route("/cart", get(cart))
        .route("/why", get(why))
        .route("/sign-in", post(sign_in))
        .route("/reset-naive", post(async |session: Session| reset(session, false).await))
        .route("/reset", post(async |session: Session| reset(session, true).await))
        .layer(from_fn(move |session: Session, request: Request<Body>, next: Next| async move {
            keep(&session, says_why)?;
            Ok::<_, SessionError>(next.run(request).await)
        }))
        .layer(layer(store))
}

async fn send(app: &Router, path: &str, cookie: &str) -> Response<Body> {
    call(app, Request::post(path).header(COOKIE, cookie).body(Body::empty()).unwrap()).await
}

/// The token went with the session that the first click replaced; the cart is carried all the same.
#[tokio::test]
async fn a_token_that_the_session_keeps_refuses_the_second_click() {
    for (path, second, carried) in [
        ("/sign-in?csrf=unguessable", StatusCode::FORBIDDEN, None),
        ("/sign-in", StatusCode::OK, Some("tea")),
    ] {
        let app = app(store(), true);
        let visitor = cookie(&send(&app, "/fill", "").await);
        assert_eq!(send(&app, path, &visitor).await.status(), StatusCode::OK, "{path}");
        let response = send(&app, path, &visitor).await;
        assert_eq!(response.status(), second, "{path}");
        let cart = match response.headers().get(SET_COOKIE) {
            Some(_) => Some(
                text(call(&app, request_with_cookie("/cart", &cookie(&response))).await).await.1,
            ),
            None => None,
        };
        assert_eq!(cart.as_deref(), carried, "{path}");
    }
}

/// Any page may be the first that a signed-out browser asks for, and its cookie takes the dead one's place.
#[tokio::test]
async fn whoever_stores_first_says_why_the_session_ended() {
    for (says_why, told) in [(false, ""), (true, "you were signed out on another device")] {
        let store = store();
        let app = app(store.clone(), says_why);
        let user = cookie(&send(&app, "/sign-in", "").await);
        store.revoke_all(&UserId::new("alice").unwrap()).await.unwrap();
        let next = cookie(&call(&app, request_with_cookie("/cart", &user)).await);
        assert_eq!(text(call(&app, request_with_cookie("/why", &next)).await).await.1, told);
    }
}

/// Whoever has the link may be signed in as that user, as another one, or not at all.
#[tokio::test]
async fn a_reset_in_a_request_asks_whether_it_ends_its_own_session() {
    for (path, is_user, status) in [
        ("/reset-naive", true, StatusCode::CONFLICT),
        ("/reset-naive", false, StatusCode::OK),
        ("/reset", true, StatusCode::OK),
        ("/reset", false, StatusCode::OK),
    ] {
        let store = store();
        let app = app(store.clone(), true);
        let user = cookie(&send(&app, "/sign-in", "").await);
        let visitor = cookie(&call(&app, request("/cart")).await);
        let before = if is_user { user } else { visitor };
        let response = send(&app, path, &before).await;
        assert_eq!(response.status(), status, "{path} {is_user}");
        assert_eq!(
            store.list(&UserId::new("alice").unwrap()).await.unwrap(),
            [],
            "{path} {is_user}"
        );
        if status == StatusCode::OK {
            let after = if is_user { cookie(&response) } else { before };
            let flash = text(call(&app, request_with_cookie("/why", &after)).await).await.1;
            assert_eq!(flash, "the password is set", "{path} {is_user}");
        }
    }
}
