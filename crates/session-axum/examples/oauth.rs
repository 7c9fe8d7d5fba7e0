//! Sign-in by an identity provider (OAuth 2.0 with PKCE): what the session keeps until the visitor is back.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use axum::Router;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use oauth2::{CsrfToken, PkceCodeChallenge};
use serde::{Deserialize, Serialize};
use session_axum::{Session, SessionError};
use session_core::{Carry, Key, SessionStore, SignIn};

/// Between the two redirects.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: String,
    verifier: String,
}

const PENDING: Key<Pending> = Key::new("oauth");

async fn begin(session: Session) -> Result<Redirect, SessionError> {
    let state = CsrfToken::new_random();
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let url = format!(
        "https://provider.example/authorize?response_type=code&client_id=shop&state={}&code_challenge={}&code_challenge_method=S256",
        state.secret(),
        challenge.as_str(),
    );
    session
        .set(PENDING, Pending { state: state.into_secret(), verifier: verifier.into_secret() })?;
    Ok(Redirect::to(&url))
}

#[derive(Serialize, Deserialize)]
struct Answer {
    code: String,
    state: String,
}

async fn callback(
    session: Session,
    Query(answer): Query<Answer>,
) -> Result<Response, SessionError> {
    // Taken, so that it works once.
    let pending = session.take(PENDING)?.filter(|pending| pending.state == answer.state);
    let Some(pending) = pending else {
        return Ok((StatusCode::BAD_REQUEST, "begin again").into_response());
    };
    let user = user_of(&answer.code, &pending.verifier);
    session.authenticate_with(SignIn::new(user).carry(Carry::keys(&[&"cart"]))).await?;
    Ok(Redirect::to("/").into_response())
}

/// For `response_mode=form_post`: a POST from another site comes without the cookie, so it asks for no
/// session. The redirect has the cookie.
async fn form_post(Form(answer): Form<Answer>) -> Result<Redirect, StatusCode> {
    let query = serde_html_form::to_string(&answer).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Redirect::to(&format!("/callback?{query}")))
}

/// Asks the provider's token endpoint who it is: `oauth2` or `openidconnect` has the request.
fn user_of(code: &str, _verifier: &str) -> String {
    format!("user-of-{code}")
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/sign-in", get(begin))
        .route("/callback", get(callback).post(form_post))
        .layer(session_axum::layer(store))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let app = app(store).into_make_service_with_connect_info::<std::net::SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://localhost:3000/sign-in");
    Ok(axum::serve(listener, app).await?)
}
