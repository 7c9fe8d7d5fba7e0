//! axum_session, set up as its README's default example does.
//!
//! Over a database its cache in memory is off (`with_memory_lifetime(0)`), so that every request
//! reads what is stored. `SESSION_BENCH_VARIANT` is a list of changes to that, parted by commas:
//! `signed` signs cookies (`with_key`), `cached` leaves its cache at its default.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr as _;
use std::time::Duration;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_session::{
    DatabasePool, Key, Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore,
};
use axum_session_sqlx::{SessionPgPool, SessionSqlitePool};
use session_bench_kit::{Database, Failure, Set, SignIn, known_keys, linger};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

const USER: &str = "user";

/// What the library asks of a pool.
trait Pool: DatabasePool + Clone + Debug + Send + Sync + 'static {}

impl<P: DatabasePool + Clone + Debug + Send + Sync + 'static> Pool for P {}

pub(crate) async fn app(database: &Database) -> Result<Router, Failure> {
    let variant = std::env::var("SESSION_BENCH_VARIANT").unwrap_or_default();
    let is = |name| variant.split(',').any(|part| part == name);
    let mut config = SessionConfig::default().with_table_name("sessions_table");
    if is("signed") {
        // The same in every process over one database.
        config = config.with_key(Key::from(&[7; 64]));
    }
    if !is("cached") && database.scheme() != "memory" {
        // The check is for what stays in memory. With it, a request that finds the session loaded by
        // a parallel one takes it for expired, and clears its data.
        config = config.with_memory_lifetime(time::Duration::ZERO).with_clear_check_on_load(false);
    }
    Ok(match database.scheme() {
        "memory" => under(SessionStore::<SessionNullPool>::new(None, config).await?),
        "sqlite" => {
            let options = SqliteConnectOptions::from_str(&database.url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(Duration::from_secs(5));
            let pool = SqlitePoolOptions::new().max_connections(database.connections);
            let pool = SessionSqlitePool::from(pool.connect_with(options).await?);
            under(SessionStore::new(Some(pool), config).await?)
        }
        "postgres" => {
            let pool = PgPoolOptions::new()
                .max_connections(database.connections)
                .acquire_timeout(Duration::from_secs(5));
            let pool = SessionPgPool::from(pool.connect(&database.url).await?);
            under(SessionStore::new(Some(pool), config).await?)
        }
        other => return Err(format!("no store for {other}:").into()),
    })
}

fn under<P: Pool>(store: SessionStore<P>) -> Router {
    Router::new()
        .route("/untouched", get(async || "hello"))
        .route("/me", get(me::<P>))
        .route("/set", post(set::<P>))
        .route("/slow-set", post(slow_set::<P>))
        .route("/data", get(data::<P>))
        .route("/sign-in", post(sign_in::<P>))
        .route("/sign-out", post(sign_out::<P>))
        .route("/rotate", post(rotate::<P>))
        .layer(SessionLayer::new(store))
}

async fn me<P: Pool>(session: Session<P>) -> Result<String, StatusCode> {
    session.get::<String>(USER).ok_or(StatusCode::UNAUTHORIZED)
}

async fn set<P: Pool>(session: Session<P>, Query(pair): Query<Set>) -> &'static str {
    session.set(&pair.key, pair.value);
    "ok"
}

async fn slow_set<P: Pool>(session: Session<P>, Query(pair): Query<Set>) -> &'static str {
    let _read = session.get::<String>(USER);
    linger(pair.ms).await;
    session.set(&pair.key, pair.value);
    "ok"
}

/// The library lists no keys: those that the benchmarks use are looked up one by one.
async fn data<P: Pool>(session: Session<P>) -> Json<BTreeMap<String, String>> {
    Json(known_keys().filter_map(|key| session.get(&key).map(|value| (key, value))).collect())
}

/// `renew` is what the library documents for entering a secure area.
async fn sign_in<P: Pool>(session: Session<P>, Query(who): Query<SignIn>) -> &'static str {
    session.renew();
    session.set(USER, who.user);
    "ok"
}

async fn sign_out<P: Pool>(session: Session<P>) -> &'static str {
    session.destroy();
    "ok"
}

async fn rotate<P: Pool>(session: Session<P>) -> &'static str {
    session.renew();
    "ok"
}
