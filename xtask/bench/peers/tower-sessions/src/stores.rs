//! The stores, each as its documentation sets it up.
//!
//! A file in SQLite gets the journal and the synchronisation that ours has, so that nothing here
//! compares `fsync`; pools are the driver's defaults.

use std::str::FromStr;

use session_bench_kit::{Database, Failure};
use tower_sessions::{CachingSessionStore, MemoryStore};
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};
use tower_sessions_sqlx_store::sqlx::postgres::PgPoolOptions;
use tower_sessions_sqlx_store::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

pub(crate) fn memory() -> MemoryStore {
    MemoryStore::default()
}

/// The URL without what says that there is a cache in front of it.
fn plain(database: &Database) -> &str {
    database.url.strip_prefix("moka+").unwrap_or(&database.url)
}

pub(crate) async fn sqlite(database: &Database) -> Result<SqliteStore, Failure> {
    let options = SqliteConnectOptions::from_str(plain(database))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePoolOptions::new().max_connections(database.connections);
    let store = SqliteStore::new(pool.connect_with(options).await?);
    store.migrate().await?;
    Ok(store)
}

pub(crate) async fn postgres(database: &Database) -> Result<PostgresStore, Failure> {
    let pool = PgPoolOptions::new().max_connections(database.connections);
    let store = PostgresStore::new(pool.connect(plain(database)).await?);
    store.migrate().await?;
    Ok(store)
}

type Cached<S> = CachingSessionStore<MokaStore, S>;

pub(crate) async fn moka_sqlite(database: &Database) -> Result<Cached<SqliteStore>, Failure> {
    Ok(CachingSessionStore::new(MokaStore::new(Some(2_000)), sqlite(database).await?))
}

pub(crate) async fn moka_postgres(database: &Database) -> Result<Cached<PostgresStore>, Failure> {
    Ok(CachingSessionStore::new(MokaStore::new(Some(2_000)), postgres(database).await?))
}

pub(crate) async fn redis(database: &Database) -> Result<RedisStore<Pool>, Failure> {
    let connections = usize::try_from(database.connections)?;
    let pool = Pool::new(Config::from_url(&database.url)?, None, None, None, connections)?;
    pool.connect();
    pool.wait_for_connect().await?;
    Ok(RedisStore::new(pool))
}
