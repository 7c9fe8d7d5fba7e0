//! Several accounts in one browser: where a guard sends a person whose slot is empty.

use axum::Router;
use axum::http::header::LOCATION;
use axum::routing::{get, post};
use session_axum::{RequireAnonymous, RequireUser, Session, SessionError, layer};
use session_core::{AccountSlots, Pages};

use crate::support::{call, cookie, request_with_cookie, store, text};

async fn signs_in(session: Session) -> Result<(), SessionError> {
    session.authenticate("ann").await?;
    Ok(())
}

fn app() -> Router {
    let (pages, slots) = (Pages::new().sign_in("/sign-in").unwrap(), AccountSlots::path("/u"));
    let form = get(|_: RequireAnonymous| async { "who are you?" });
    let inbox = get(async |who: RequireUser| who.user.to_string());
    Router::new()
        .route("/in", post(signs_in).get(signs_in))
        .route("/inbox", inbox.clone())
        .route("/u/{account}/inbox", inbox)
        .route("/sign-in", form.clone())
        .route("/u/{account}/sign-in", form)
        .layer(layer(store()).pages(pages).accounts(slots).unwrap())
}

/// The sign-in page of the slot that is empty, and not that of the one in which somebody is signed in: that one
/// would lead on to what was wanted, and so for ever.
#[tokio::test]
async fn an_empty_slot_is_signed_in_to_beside_a_full_one() {
    let app = app();
    let ann = cookie(&call(&app, request_with_cookie("/in", "")).await);
    for (wanted, cookie, ends_at) in [
        ("/u/1/inbox", ann.as_str(), "/u/1/sign-in?next=%2Fu%2F1%2Finbox"),
        ("/u/1/inbox", "", "/u/1/sign-in?next=%2Fu%2F1%2Finbox"),
        ("/u/0/inbox", "", "/sign-in?next=%2Fu%2F0%2Finbox"),
        ("/inbox", "", "/sign-in?next=%2Finbox"),
        ("/sign-in?next=/u/1/inbox", ann.as_str(), "/u/1/sign-in?next=%2Fu%2F1%2Finbox"),
    ] {
        let mut at = wanted.to_owned();
        let mut steps = 0;
        let (status, body) = loop {
            let mut request = request_with_cookie(&at, cookie);
            request.headers_mut().insert("sec-fetch-mode", "navigate".parse().unwrap());
            let response = call(&app, request).await;
            match response.headers().get(LOCATION) {
                Some(next) => at = next.to_str().unwrap().to_owned(),
                None => break text(response).await,
            }
            steps += 1;
            assert!(steps < 10, "{wanted}: it leads on for ever");
        };
        assert_eq!((at.as_str(), status.as_u16(), body.as_str()), (ends_at, 200, "who are you?"));
    }
}
