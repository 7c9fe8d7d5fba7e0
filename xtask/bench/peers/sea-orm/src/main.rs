//! The routes on axum with sessions whose rows SeaORM maps: how the system does it that the first
//! founding document describes. Neither its code nor its rules are here: a look-up by the token's
//! hash, into an entity of twelve columns, and for a change the entity's data written back whole.

mod entity;

use std::error::Error;
use std::str::FromStr as _;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use bench_floor_store::Token;
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait,
    QueryFilter, Schema, SqlxPostgresConnector, SqlxSqliteConnector,
};
use serde::Deserialize;
use serde_json::{Value, json};
use session_bench_kit::{AGENT, Database, print_waiting};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use entity::{ActiveModel, Column, Entity, Model};

const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

fn main() -> Result<(), session_bench_kit::Failure> {
    session_bench_kit::axum::run(|database| async move {
        let router = Router::new()
            .route("/untouched", get(untouched))
            .route("/me", get(me))
            .route("/set", post(set))
            .route("/slow-set", post(slow_set))
            .route("/data", get(data))
            .route("/sign-in", post(sign_in));
        Ok(router.with_state(open(&database).await?))
    })
}

/// Pools as the handler by hand has them, but one for both reading and writing in SQLite, as an
/// application of SeaORM has.
async fn open(database: &Database) -> Result<DatabaseConnection, Box<dyn Error>> {
    let connection = match database.scheme() {
        "sqlite" => {
            let options = SqliteConnectOptions::from_str(&database.url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal);
            let pool = SqlitePoolOptions::new().max_connections(database.connections);
            SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.connect_with(options).await?)
        }
        "postgres" => {
            let pool = PgPoolOptions::new().max_connections(database.connections);
            SqlxPostgresConnector::from_sqlx_postgres_pool(pool.connect(&database.url).await?)
        }
        other => return Err(format!("no sessions over {other}:").into()),
    };
    let schema = Schema::new(connection.get_database_backend());
    let mut table = schema.create_table_from_entity(Entity);
    connection.execute(table.if_not_exists()).await?;
    Ok(connection)
}

async fn untouched() -> &'static str {
    "hello"
}

async fn find(database: &DatabaseConnection, headers: &HeaderMap) -> Result<Model, StatusCode> {
    let cookies = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    let token = cookies.and_then(Token::find).ok_or(StatusCode::UNAUTHORIZED)?;
    let found = Entity::find()
        .filter(Column::TokenHash.eq(token.hex()))
        .filter(Column::ExpiresAt.gt(now()))
        .one(database)
        .await;
    found.map_err(unavailable)?.ok_or(StatusCode::UNAUTHORIZED)
}

async fn me(
    State(database): State<DatabaseConnection>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    Ok(find(&database, &headers).await?.user_id)
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    value: String,
    #[serde(default)]
    ms: u64,
}

async fn set(
    State(database): State<DatabaseConnection>,
    Query(pair): Query<Pair>,
    headers: HeaderMap,
) -> Result<&'static str, StatusCode> {
    let session = find(&database, &headers).await?;
    store(&database, session, pair).await
}

async fn slow_set(
    State(database): State<DatabaseConnection>,
    Query(pair): Query<Pair>,
    headers: HeaderMap,
) -> Result<&'static str, StatusCode> {
    let session = find(&database, &headers).await?;
    print_waiting();
    tokio::time::sleep(Duration::from_millis(pair.ms)).await;
    store(&database, session, pair).await
}

async fn store(
    database: &DatabaseConnection,
    session: Model,
    pair: Pair,
) -> Result<&'static str, StatusCode> {
    let mut data = session.data.clone();
    data[pair.key] = Value::String(pair.value);
    let mut changed: ActiveModel = session.into();
    changed.data = Set(data);
    changed.last_active_at = Set(now());
    changed.update(database).await.map_err(unavailable)?;
    Ok("ok")
}

async fn data(
    State(database): State<DatabaseConnection>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    Ok(find(&database, &headers).await?.data.to_string())
}

#[derive(Deserialize)]
struct SignIn {
    user: String,
}

async fn sign_in(
    State(database): State<DatabaseConnection>,
    Query(SignIn { user }): Query<SignIn>,
) -> Result<impl IntoResponse, StatusCode> {
    let (token, cookie) = Token::mint().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let hash = token.hex();
    let session = ActiveModel {
        // As long as a ULID, and as unique as the hash is.
        id: Set(hash[..26].to_owned()),
        fingerprint: Set(hash.clone()),
        token_hash: Set(hash),
        user_id: Set(user),
        ip_address: Set("127.0.0.1".to_owned()),
        user_agent: Set(AGENT.to_owned()),
        device_name: Set("Firefox on Linux".to_owned()),
        device_type: Set("desktop".to_owned()),
        data: Set(json!({})),
        created_at: Set(now()),
        last_active_at: Set(now()),
        expires_at: Set(now() + LIFETIME),
    };
    Entity::insert(session).exec_without_returning(&database).await.map_err(unavailable)?;
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), "ok"))
}

fn now() -> DateTimeUtc {
    std::time::SystemTime::now().into()
}

fn unavailable(_: DbErr) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}
