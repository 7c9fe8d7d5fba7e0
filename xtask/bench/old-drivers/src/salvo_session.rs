//! salvo's own session over the stores of saysion, set up as its `session-login` example and saysion's
//! documentation have it.
//!
//! Databases: `memory:`, `sqlite:`, `postgres:`, `redis:`, and `cookie:`, where the session is in the
//! cookie itself.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::time::Duration;

use salvo::http::StatusCode;
use salvo::prelude::*;
use salvo::session::{CookieStore, MemoryStore, Session, SessionHandler, SessionStore};
use saysion::{RedisStore, SqlxPostgresStore, SqlxSqliteStore};
use session_bench_kit::{Database, Failure, known_keys, linger};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

const USER: &str = "user";

pub(crate) async fn app(database: &Database) -> Result<Router, Failure> {
    match database.scheme() {
        "memory" => over(MemoryStore::new()),
        "cookie" => over(CookieStore::new()),
        "sqlite" => {
            let options = SqliteConnectOptions::from_str(&database.url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(Duration::from_secs(5));
            let pool = SqlitePoolOptions::new().max_connections(database.connections);
            let store = SqlxSqliteStore::new(pool.connect_with(options).await?);
            store.migrate().await?;
            over(store)
        }
        "postgres" => {
            let pool = PgPoolOptions::new()
                .max_connections(database.connections)
                .acquire_timeout(Duration::from_secs(5));
            let store = SqlxPostgresStore::new(pool.connect(&database.url).await?);
            store.migrate().await?;
            over(store)
        }
        "redis" => over(RedisStore::from_url(&database.url).await?),
        other => Err(format!("no store for {other}:").into()),
    }
}

fn over<S: SessionStore + Send + Sync + 'static>(store: S) -> Result<Router, Failure> {
    // The same in every process over one database.
    let handler = SessionHandler::builder(store, &[7; 64]).build()?;
    Ok(Router::new()
        .push(Router::with_path("untouched").get(untouched))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("set").post(set))
        .push(Router::with_path("slow-set").post(slow_set))
        .push(Router::with_path("data").get(data))
        .push(Router::with_path("sign-in").post(sign_in))
        .push(Router::with_path("sign-out").post(sign_out))
        .push(Router::with_path("rotate").post(rotate))
        .hoop(handler))
}

#[handler]
async fn untouched() -> &'static str {
    "hello"
}

#[handler]
async fn me(depot: &mut Depot) -> Result<String, StatusCode> {
    let session = depot.session().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    session.get::<String>(USER).ok_or(StatusCode::UNAUTHORIZED)
}

#[handler]
async fn set(request: &mut Request, depot: &mut Depot) -> Result<&'static str, StatusCode> {
    let (key, value) = pair(request)?;
    insert(depot, &key, value)
}

#[handler]
async fn slow_set(request: &mut Request, depot: &mut Depot) -> Result<&'static str, StatusCode> {
    let (key, value) = pair(request)?;
    let wait: u64 = request.query("ms").ok_or(StatusCode::BAD_REQUEST)?;
    let _read = depot.session().and_then(|session| session.get::<String>(USER));
    linger(wait).await;
    insert(depot, &key, value)
}

/// The library lists no keys: those that the benchmarks use are looked up one by one.
#[handler]
async fn data(depot: &mut Depot) -> Result<Json<BTreeMap<String, String>>, StatusCode> {
    let session = depot.session().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(known_keys().filter_map(|key| session.get(&key).map(|value| (key, value))).collect()))
}

/// As the example signs in: a new session takes the place of whatever there was.
#[handler]
async fn sign_in(request: &mut Request, depot: &mut Depot) -> Result<&'static str, StatusCode> {
    let user: String = request.query("user").ok_or(StatusCode::BAD_REQUEST)?;
    depot.set_session(Session::new());
    insert(depot, USER, user)
}

/// The example removes the user's key and keeps the session. `destroy` is the library's stronger
/// way, and is what is measured.
#[handler]
async fn sign_out(depot: &mut Depot) -> Result<&'static str, StatusCode> {
    depot.session_mut().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?.destroy();
    Ok("ok")
}

#[handler]
async fn rotate(depot: &mut Depot) -> Result<&'static str, StatusCode> {
    depot.session_mut().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?.regenerate();
    Ok("ok")
}

fn pair(request: &Request) -> Result<(String, String), StatusCode> {
    Ok((
        request.query("key").ok_or(StatusCode::BAD_REQUEST)?,
        request.query("value").ok_or(StatusCode::BAD_REQUEST)?,
    ))
}

fn insert(depot: &mut Depot, key: &str, value: String) -> Result<&'static str, StatusCode> {
    depot
        .session_mut()
        .ok_or(StatusCode::INTERNAL_SERVER_ERROR)?
        .insert(key, value)
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok("ok")
}
