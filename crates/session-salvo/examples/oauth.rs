//! Sign-in by an identity provider (OAuth 2.0 with PKCE): what the session keeps until the visitor is back.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use oauth2::{CsrfToken, PkceCodeChallenge};
use salvo_core::prelude::*;
use serde::{Deserialize, Serialize};
use session_core::{Carry, Key, SessionStore, SignIn};
use session_salvo::{Session, SessionError, SessionHandler};

/// Between the two redirects.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: String,
    verifier: String,
}

const PENDING: Key<Pending> = Key::new("oauth");

#[handler]
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
    Ok(Redirect::other(url))
}

#[derive(Serialize, Deserialize)]
struct Answer {
    code: String,
    state: String,
}

#[handler]
async fn callback(
    session: Session,
    request: &mut Request,
    response: &mut Response,
) -> Result<(), SessionError> {
    // Taken, so that it works once.
    let pending = session.take(PENDING)?;
    let answer = request.parse_queries::<Answer>().ok();
    let both = answer.zip(pending).filter(|(answer, pending)| pending.state == answer.state);
    let Some((answer, pending)) = both else {
        response.status_code(StatusCode::BAD_REQUEST).render("begin again");
        return Ok(());
    };
    let user = user_of(&answer.code, &pending.verifier);
    session.authenticate_with(SignIn::new(user).carry(Carry::keys(&[&"cart"]))).await?;
    response.render(Redirect::other("/"));
    Ok(())
}

/// For `response_mode=form_post`: a POST from another site comes without the cookie, so it asks for no
/// session. The redirect has the cookie.
#[handler]
async fn form_post(request: &mut Request) -> Result<Redirect, StatusError> {
    let answer = request.parse_form::<Answer>().await.map_err(|_| StatusError::bad_request())?;
    let query = serde_html_form::to_string(&answer).map_err(|_| StatusError::bad_request())?;
    Ok(Redirect::other(format!("/callback?{query}")))
}

/// Asks the provider's token endpoint who it is: `oauth2` or `openidconnect` has the request.
fn user_of(code: &str, _verifier: &str) -> String {
    format!("user-of-{code}")
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .hoop(SessionHandler::new(store))
        .push(Router::with_path("sign-in").get(begin))
        .push(Router::with_path("callback").get(callback).post(form_post))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let listener = salvo_core::conn::TcpListener::new("127.0.0.1:3000").bind().await;
    println!("http://localhost:3000/sign-in");
    Ok(Server::new(listener).try_serve(app(store)).await?)
}
