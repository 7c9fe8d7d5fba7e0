//! The routes.

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value};
use time::Duration;
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore};

/// Where the name of who signed in is kept: the library has no notion of a user.
const USER: &str = "user";

pub(crate) fn router() -> Router {
    Router::new()
        .route("/untouched", get(untouched))
        .route("/me", get(me))
        .route("/set", post(set))
        .route("/set-many", post(set_many))
        .route("/slow-set", post(slow_set))
        .route("/data", get(data))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/rotate", post(rotate))
}

pub(crate) fn under<S: SessionStore + Clone>(router: Router, store: S) -> Router {
    let layer =
        SessionManagerLayer::new(store).with_expiry(Expiry::OnInactivity(Duration::days(30)));
    router.layer(layer)
}

/// A store that failed.
type Failed = (StatusCode, &'static str);

fn failed(_: tower_sessions::session::Error) -> Failed {
    (StatusCode::INTERNAL_SERVER_ERROR, "the store failed")
}

async fn untouched() -> &'static str {
    "hello"
}

async fn me(session: Session) -> Result<String, Failed> {
    let user = session.get::<String>(USER).await.map_err(failed)?;
    user.ok_or((StatusCode::UNAUTHORIZED, "nobody"))
}

#[derive(Deserialize)]
struct Set {
    key: String,
    value: String,
    #[serde(default)]
    ms: u64,
}

async fn set(
    session: Session,
    Query(Set { key, value, .. }): Query<Set>,
) -> Result<&'static str, Failed> {
    session.insert(&key, value).await.map_err(failed)?;
    Ok("ok")
}

async fn slow_set(
    session: Session,
    Query(Set { key, value, ms }): Query<Set>,
) -> Result<&'static str, Failed> {
    session.load().await.map_err(failed)?;
    session_bench_kit::print_waiting();
    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
    session.insert(&key, value).await.map_err(failed)?;
    Ok("ok")
}

#[derive(Deserialize)]
struct SetMany {
    n: u32,
}

async fn set_many(
    session: Session,
    Query(SetMany { n }): Query<SetMany>,
) -> Result<&'static str, Failed> {
    for nth in 0..n {
        session.insert(&format!("k{nth}"), nth).await.map_err(failed)?;
    }
    Ok("ok")
}

/// A session does not list its keys, so it is asked for those that the routes' callers use.
async fn data(session: Session) -> Result<String, Failed> {
    let letters = ('a'..='z').map(String::from);
    let numbered = (0..100).map(|nth| format!("k{nth}"));
    let mut data = Map::new();
    for key in letters.chain(numbered).chain(["color".to_owned(), "cart".to_owned()]) {
        if let Some(value) = session.get_value(&key).await.map_err(failed)? {
            data.insert(key, value);
        }
    }
    Ok(Value::Object(data).to_string())
}

#[derive(Deserialize)]
struct SignIn {
    user: String,
}

async fn sign_in(
    session: Session,
    Query(SignIn { user }): Query<SignIn>,
) -> Result<&'static str, Failed> {
    session.cycle_id().await.map_err(failed)?;
    session.insert(USER, user).await.map_err(failed)?;
    Ok("ok")
}

async fn sign_out(session: Session) -> Result<&'static str, Failed> {
    session.flush().await.map_err(failed)?;
    Ok("ok")
}

async fn rotate(session: Session) -> Result<&'static str, Failed> {
    session.cycle_id().await.map_err(failed)?;
    Ok("ok")
}
