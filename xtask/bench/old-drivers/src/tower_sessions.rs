//! tower-sessions, its stores as their documentation sets them up.
//!
//! A file in SQLite gets the journal and the synchronisation that ours has, so that nothing here
//! compares `fsync`; pools are the driver's defaults. `moka+` in front of a URL puts its cache in front of
//! the database.

use std::str::FromStr;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::{Map, Value};
use session_bench_kit::{Database, Failure, Set, SignIn, known_keys, linger};
use time::Duration;
use tower_sessions::{
    CachingSessionStore, Expiry, MemoryStore, Session, SessionManagerLayer, SessionStore,
};
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};
use tower_sessions_sqlx_store::sqlx::postgres::PgPoolOptions;
use tower_sessions_sqlx_store::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

/// Where the name of who signed in is kept: the library has no notion of a user.
const USER: &str = "user";

pub(crate) async fn app(database: &Database) -> Result<Router, Failure> {
    let cache = || MokaStore::new(Some(2_000));
    Ok(match database.scheme() {
        "memory" => under(MemoryStore::default()),
        "sqlite" => under(sqlite(database).await?),
        "postgres" => under(postgres(database).await?),
        "moka+sqlite" => under(CachingSessionStore::new(cache(), sqlite(database).await?)),
        "moka+postgres" => under(CachingSessionStore::new(cache(), postgres(database).await?)),
        "redis" => under(redis(database).await?),
        other => return Err(format!("no store for {other}:").into()),
    })
}

fn under<S: SessionStore + Clone>(store: S) -> Router {
    let layer =
        SessionManagerLayer::new(store).with_expiry(Expiry::OnInactivity(Duration::days(30)));
    Router::new()
        .route("/untouched", get(untouched))
        .route("/me", get(me))
        .route("/set", post(set))
        .route("/slow-set", post(slow_set))
        .route("/data", get(data))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/rotate", post(rotate))
        .layer(layer)
}

/// The URL without what says that there is a cache in front of it.
fn plain(database: &Database) -> &str {
    database.url.strip_prefix("moka+").unwrap_or(&database.url)
}

async fn sqlite(database: &Database) -> Result<SqliteStore, Failure> {
    let options = SqliteConnectOptions::from_str(plain(database))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePoolOptions::new().max_connections(database.connections);
    let store = SqliteStore::new(pool.connect_with(options).await?);
    store.migrate().await?;
    Ok(store)
}

async fn postgres(database: &Database) -> Result<PostgresStore, Failure> {
    let pool = PgPoolOptions::new().max_connections(database.connections);
    let store = PostgresStore::new(pool.connect(plain(database)).await?);
    store.migrate().await?;
    Ok(store)
}

async fn redis(database: &Database) -> Result<RedisStore<Pool>, Failure> {
    let connections = usize::try_from(database.connections)?;
    let pool = Pool::new(Config::from_url(&database.url)?, None, None, None, connections)?;
    pool.connect();
    pool.wait_for_connect().await?;
    Ok(RedisStore::new(pool))
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
    linger(ms).await;
    session.insert(&key, value).await.map_err(failed)?;
    Ok("ok")
}

/// A session does not list its keys, so it is asked for those that the routes' callers use.
async fn data(session: Session) -> Result<String, Failed> {
    let mut data = Map::new();
    for key in known_keys() {
        if let Some(value) = session.get_value(&key).await.map_err(failed)? {
            data.insert(key, value);
        }
    }
    Ok(Value::Object(data).to_string())
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
