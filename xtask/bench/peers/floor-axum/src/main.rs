//! The routes on axum, with sessions that are written by hand; over `memory:` with none at all.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use bench_floor_store::{Failure, Row, Sessions, Token};
use serde::Deserialize;
use serde_json::{Map, Value};

fn main() -> Result<(), session_bench_kit::Failure> {
    session_bench_kit::axum::run(|database| async move {
        let sessions = Sessions::open(&database).await?;
        let router = Router::new().route("/untouched", get(untouched));
        let router = match sessions {
            Sessions::Nowhere => router
                .route("/me", get(fixed_user))
                .route("/set", post(accept))
                .route("/sign-in", post(accept_user)),
            _ => router
                .route("/me", get(me))
                .route("/set", post(set))
                .route("/set-many", post(set_many))
                .route("/data", get(data))
                .route("/sign-in", post(sign_in)),
        };
        Ok(router.with_state(sessions))
    })
}

async fn untouched() -> &'static str {
    "hello"
}

/// The floor of a route that knows its user: it has always known him.
async fn fixed_user() -> String {
    "alice".to_owned()
}

async fn accept(Query(_): Query<Set>) -> &'static str {
    "ok"
}

async fn accept_user(Query(_): Query<SignIn>) -> &'static str {
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

#[derive(Deserialize)]
struct Set {
    key: String,
    value: String,
}

async fn set(
    State(sessions): State<Sessions>,
    Query(Set { key, value }): Query<Set>,
    headers: HeaderMap,
) -> Result<&'static str, Refusal> {
    store(&sessions, &headers, Map::from_iter([(key, Value::String(value))])).await
}

#[derive(Deserialize)]
struct SetMany {
    n: u32,
}

async fn set_many(
    State(sessions): State<Sessions>,
    Query(SetMany { n }): Query<SetMany>,
    headers: HeaderMap,
) -> Result<&'static str, Refusal> {
    let changes = (0..n).map(|nth| (format!("k{nth}"), Value::from(nth)));
    store(&sessions, &headers, changes.collect()).await
}

async fn store(
    sessions: &Sessions,
    headers: &HeaderMap,
    changes: Map<String, Value>,
) -> Result<&'static str, Refusal> {
    let (token, _) = session(sessions, headers).await?;
    let stored = sessions.set(&token, changes).await?;
    stored.then_some("ok").ok_or(Refusal::NotSignedIn)
}

async fn data(State(sessions): State<Sessions>, headers: HeaderMap) -> Result<String, Refusal> {
    Ok(session(&sessions, &headers).await?.1.data)
}

#[derive(Deserialize)]
struct SignIn {
    user: String,
}

async fn sign_in(
    State(sessions): State<Sessions>,
    Query(SignIn { user }): Query<SignIn>,
) -> Result<impl IntoResponse, Refusal> {
    let cookie = sessions.sign_in(&user).await?;
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), "ok"))
}
