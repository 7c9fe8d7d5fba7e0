//! Sessions as one writes them by hand, for one application: a table, a SELECT, an UPDATE and an
//! INSERT, each prepared once per connection.
//!
//! It does what nobody may leave out: the cookie's token is hashed before it is looked up, an expired
//! row is no session, and a write finds the row again by itself. It does nothing else: no fingerprint,
//! no touch, no version, no cap, no tombstones, no sign-out that wins over a late write.

pub(crate) mod axum;
mod postgres;
pub(crate) mod salvo;
mod sqlite;

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use session_bench_kit::Database;
use sha2::{Digest, Sha256};
use sqlx::{PgPool, SqlitePool};

/// Whatever went wrong while a request was handled.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The name of the cookie, as long as ours.
pub(crate) const COOKIE: &str = "_session";

const LIFETIME_SECS: i64 = 30 * 86_400;

/// What the application needs of a session.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Who signed in.
    pub(crate) user_id: Option<String>,
    /// A JSON object.
    #[expect(dead_code, reason = "no route shows it, and every application reads it")]
    pub(crate) data: String,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
}

/// Where the rows are.
#[derive(Debug, Clone)]
pub(crate) enum Sessions {
    /// There are none: the application without sessions.
    Nowhere,
    /// One connection that writes, and some that read.
    Sqlite {
        /// The one that writes.
        writer: SqlitePool,
        /// The others.
        readers: SqlitePool,
    },
    /// One pool for all.
    Postgres(PgPool),
}

impl Sessions {
    /// Connects, and makes the table.
    pub(crate) async fn open(database: &Database) -> Result<Self, Box<dyn Error>> {
        match database.scheme() {
            "memory" => Ok(Self::Nowhere),
            "sqlite" => Ok(sqlite::open(database).await?),
            "postgres" => Ok(postgres::open(database).await?),
            other => Err(format!("no sessions over {other}:").into()),
        }
    }

    /// The live session that a request's Cookie header names. One SELECT.
    pub(crate) async fn find(
        &self,
        cookies: Option<&str>,
    ) -> Result<Option<(Token, Row)>, Failure> {
        let Some(token) = cookies.and_then(Token::find) else { return Ok(None) };
        let row = match self {
            Self::Nowhere => None,
            Self::Sqlite { readers, .. } => sqlite::find(readers, &token).await?,
            Self::Postgres(pool) => postgres::find(pool, &token).await?,
        };
        Ok(row.filter(|row| row.expires_at > now()).map(|row| (token, row)))
    }

    /// Stores keys. One UPDATE.
    pub(crate) async fn set(
        &self,
        token: &Token,
        changes: Map<String, Value>,
    ) -> Result<bool, Failure> {
        let changes = Value::Object(changes).to_string();
        match self {
            Self::Nowhere => Ok(false),
            Self::Sqlite { writer, .. } => sqlite::set(writer, token, changes).await,
            Self::Postgres(pool) => postgres::set(pool, token, changes).await,
        }
    }

    /// Begins a session and returns its Set-Cookie header. One INSERT.
    pub(crate) async fn sign_in(&self, user: &str) -> Result<String, Failure> {
        let ((token, cookie), expires_at) = (Token::mint()?, now() + LIFETIME_SECS);
        match self {
            Self::Nowhere => {}
            Self::Sqlite { writer, .. } => {
                sqlite::insert(writer, &token, user, expires_at).await?;
            }
            Self::Postgres(pool) => postgres::insert(pool, &token, user, expires_at).await?,
        }
        Ok(cookie)
    }
}

/// The hash of what is in the cookie.
#[derive(Debug, Clone)]
pub(crate) struct Token([u8; 32]);

impl Token {
    fn of(secret: &[u8; 32]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// A new one, with the Set-Cookie header for what it is the hash of.
    pub(crate) fn mint() -> Result<(Self, String), Failure> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let text = hex::encode(secret);
        let cookie =
            format!("{COOKIE}={text}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000");
        Ok((Self::of(&secret), cookie))
    }

    /// The one that a Cookie header has, if it has one.
    pub(crate) fn find(cookies: &str) -> Option<Self> {
        let text = cookies
            .split("; ")
            .find_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='))?;
        let mut secret = [0; 32];
        hex::decode_to_slice(text, &mut secret).ok()?;
        Some(Self::of(&secret))
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
