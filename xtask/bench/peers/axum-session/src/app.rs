//! The routes, as this library's README and examples have applications use it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_session::{DatabasePool, Session, SessionLayer, SessionStore};
use serde::Deserialize;

const USER: &str = "user";

pub(crate) fn app<P>(store: SessionStore<P>) -> Router
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    Router::new()
        .route("/untouched", get(async || "hello"))
        .route("/me", get(me::<P>))
        .route("/set", post(set::<P>))
        .route("/set-many", post(set_many::<P>))
        .route("/slow-set", post(slow_set::<P>))
        .route("/data", get(data::<P>))
        .route("/sign-in", post(sign_in::<P>))
        .route("/sign-out", post(sign_out::<P>))
        .route("/rotate", post(rotate::<P>))
        .layer(SessionLayer::new(store))
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    value: String,
    #[serde(default)]
    ms: u64,
}

#[derive(Deserialize)]
struct Many {
    n: u32,
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

async fn me<P>(session: Session<P>) -> Result<String, StatusCode>
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    session.get::<String>(USER).ok_or(StatusCode::UNAUTHORIZED)
}

async fn set<P>(session: Session<P>, Query(pair): Query<Pair>) -> &'static str
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    session.set(&pair.key, pair.value);
    "ok"
}

async fn set_many<P>(session: Session<P>, Query(many): Query<Many>) -> &'static str
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    for nth in 0..many.n {
        session.set(&format!("k{nth}"), nth.to_string());
    }
    "ok"
}

async fn slow_set<P>(session: Session<P>, Query(pair): Query<Pair>) -> &'static str
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    let _read = session.get::<String>(USER);
    session_bench_kit::print_waiting();
    tokio::time::sleep(Duration::from_millis(pair.ms)).await;
    session.set(&pair.key, pair.value);
    "ok"
}

/// The library lists no keys: those that the benchmarks use are looked up one by one.
async fn data<P>(session: Session<P>) -> Json<BTreeMap<String, String>>
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    let names = (0..64).map(|nth| format!("k{nth}")).chain(["color".into(), "late".into()]);
    Json(names.filter_map(|name| Some((session.get(&name)?, name))).map(|(v, k)| (k, v)).collect())
}

/// `renew` is what the library documents for entering a secure area.
async fn sign_in<P>(session: Session<P>, Query(who): Query<Who>) -> &'static str
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    session.renew();
    session.set(USER, who.user);
    "ok"
}

async fn sign_out<P>(session: Session<P>) -> &'static str
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    session.destroy();
    "ok"
}

async fn rotate<P>(session: Session<P>) -> &'static str
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    session.renew();
    "ok"
}
