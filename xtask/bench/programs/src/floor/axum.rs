//! The routes on axum, with sessions that are written by hand; over `memory:` with none at all.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value};
use session_bench_kit::{Set, SignIn};

use super::{Failure, Row, Sessions, Token};

pub(crate) fn app(sessions: Sessions) -> Router {
    let router = Router::new().route("/untouched", get(untouched));
    let router = match sessions {
        Sessions::Nowhere => router.route("/me", get(fixed_user)).route("/sign-in", post(accept)),
        _ => router.route("/me", get(me)).route("/set", post(set)).route("/sign-in", post(sign_in)),
    };
    router.with_state(sessions)
}

async fn untouched() -> &'static str {
    "hello"
}

/// The floor of a route that knows its user: it has always known them.
async fn fixed_user() -> String {
    "alice".to_owned()
}

async fn accept(Query(_): Query<SignIn>) -> &'static str {
    "ok"
}

/// What a handler answers where there is no session, or no database.
enum Refusal {
    NotSignedIn,
    Failed,
}

impl From<Failure> for Refusal {
    fn from(_: Failure) -> Self {
        Self::Failed
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
        .into_response()
    }
}

async fn session(sessions: &Sessions, headers: &HeaderMap) -> Result<(Token, Row), Refusal> {
    let cookies = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    sessions.find(cookies).await?.ok_or(Refusal::NotSignedIn)
}

async fn me(State(sessions): State<Sessions>, headers: HeaderMap) -> Result<String, Refusal> {
    let (_, row) = session(&sessions, &headers).await?;
    row.user_id.ok_or(Refusal::NotSignedIn)
}

async fn set(
    State(sessions): State<Sessions>,
    Query(Set { key, value, .. }): Query<Set>,
    headers: HeaderMap,
) -> Result<&'static str, Refusal> {
    let (token, _) = session(&sessions, &headers).await?;
    let stored = sessions.set(&token, Map::from_iter([(key, Value::String(value))])).await?;
    stored.then_some("ok").ok_or(Refusal::NotSignedIn)
}

async fn sign_in(
    State(sessions): State<Sessions>,
    Query(SignIn { user }): Query<SignIn>,
) -> Result<impl IntoResponse, Refusal> {
    let cookie = sessions.sign_in(&user).await?;
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), "ok"))
}
