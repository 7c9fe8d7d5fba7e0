//! Sessions by the million, through the real schema, by the database's own generator; and a connection
//! beside the backend's for that.

use std::time::Duration;

use anyhow::Result;
use session_core::{SessionId, SessionRef, Timestamp, TokenHash, UserId};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use crate::browser::AGENT;
use crate::database::{Database, Store};

/// How many sessions each user has.
const PER_USER: u64 = 10;

const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many rows one statement makes.
const CHUNK: u64 = 250_000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill {
    pub(crate) rows: u64,
    pub(crate) now: Timestamp,
    pub(crate) store: Store,
}

impl Fill {
    /// Fills the table as sign-ins would have over the last 30 days: ids in the order of time, ten for
    /// each of so many users, all of whom come again and again. Token hashes are random bytes. Every
    /// second session has expired, so that what lives and what has expired lies mixed on every page.
    pub(crate) async fn run(self, raw: &mut Raw) -> Result<()> {
        if self.store == Store::Sqlite {
            // For this connection only: the indexes of token hashes grow at random places.
            raw.execute("PRAGMA cache_size = -1000000").await?;
        }
        for from in (0..self.rows).step_by(usize::try_from(CHUNK)?) {
            raw.execute(&self.statement(from, (from + CHUNK).min(self.rows))).await?;
        }
        raw.checkpoint_of_sqlite().await?;
        if self.store == Store::Postgres {
            raw.execute("VACUUM (ANALYZE) web_sessions").await?;
        }
        Ok(())
    }

    /// The moment of now, as the columns have it.
    pub(crate) fn moment(self) -> String {
        self.column(self.now.as_micros().to_string())
    }

    fn column(self, micros: String) -> String {
        match self.store {
            Store::Sqlite => micros,
            _ => format!("timestamptz 'epoch' + ({micros}) * interval '1 microsecond'"),
        }
    }

    fn statement(self, from: u64, to: u64) -> String {
        let Self { rows, now, .. } = self;
        let users = (rows / PER_USER).max(1);
        let (now, life) = (now.as_micros(), LIFE.as_micros());
        let [source, id, hash, print, user, json, address] = match self.store {
            Store::Sqlite => [
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL \
                     SELECT i + 1 FROM n WHERE i < {to} - 1) SELECT i FROM n)"
                ),
                "printf('01%08d%016d', i / 1000, abs(random() % 10000000000000000))".to_owned(),
                "randomblob(32)".to_owned(),
                "CAST(x'01' || randomblob(32) AS BLOB)".to_owned(),
                format!("printf('user-%07d', i % {users})"),
                "'{}'".to_owned(),
                "'203.0.113.57'".to_owned(),
            ],
            _ => [
                format!("generate_series({from}::bigint, {to} - 1) AS g(i)"),
                "'01' || lpad((i / 1000)::text, 8, '0') \
                 || lpad(trunc(random() * 9e15)::bigint::text, 16, '0')"
                    .to_owned(),
                "sha256(int8send(i) || int8send((random() * 9e15)::bigint))".to_owned(),
                "'\\x01'::bytea || sha256(int8send(i))".to_owned(),
                format!("'user-' || lpad((i % {users})::text, 7, '0')"),
                "'{}'::jsonb".to_owned(),
                "'203.0.113.57'::inet".to_owned(),
            ],
        };
        let made = self.column(format!("{now} - {life} + i * ({life} / {rows})"));
        // What is due is due in the order in which it was made, all of it within the last hour.
        let ends = self.column(format!(
            "CASE i % 2 WHEN 0 THEN {now} - 3600000000 + i * (3600000000 / {rows}) - 1 \
             ELSE {now} + i * ({life} / {rows}) + 3600000000 END"
        ));
        format!(
            "INSERT INTO web_sessions (id, token_hash, token_seen, user_id, ip_address, last_ip_address, \
             user_agent, device_name, device_type, fingerprint, data, version, created_at, \
             authenticated_at, last_active_at, expires_at, purge_after) \
             SELECT {id}, {hash}, true, {user}, {address}, {address}, '{AGENT}', 'Firefox on Linux', \
             'desktop', {print}, {json}, 0, {made}, {made}, {made}, {ends}, {ends} FROM {source}"
        )
    }

    /// Twenty thousand live sessions from all over the table, by their hashes, so that neighbours in the
    /// list are none in the table.
    pub(crate) async fn live(self, raw: &mut Raw) -> Result<Vec<SessionRef>> {
        let text = format!(
            "SELECT id, token_hash, user_id FROM web_sessions WHERE expires_at > {} \
             ORDER BY token_hash LIMIT 20000",
            self.moment()
        );
        let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut raw.0).await?;
        let session = |row: &sqlx::any::AnyRow| {
            let (id, user) = (row.try_get::<String, _>(0)?, row.try_get::<String, _>(2)?);
            let token: Vec<u8> = row.try_get(1)?;
            Ok(SessionRef {
                id: id.parse::<SessionId>()?,
                token: Some(TokenHash::from_bytes(token.as_slice().try_into()?)),
                user: Some(UserId::new(user)?),
            })
        };
        rows.iter().map(session).collect()
    }
}

/// One connection of the bench's own, and whether it is to SQLite.
pub(crate) struct Raw(AnyConnection, bool);

impl Raw {
    pub(crate) async fn open(database: &Database, store: Store) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let mut raw = Self(AnyConnection::connect(&database.url).await?, store == Store::Sqlite);
        if raw.1 {
            // As the backend's own connections have it.
            raw.execute("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864")
                .await?;
        }
        Ok(raw)
    }

    pub(crate) async fn execute(&mut self, text: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut self.0).await?;
        Ok(())
    }

    pub(crate) async fn number(&mut self, text: &str) -> Result<i64> {
        Ok(sqlx::query_scalar(AssertSqlSafe(text.to_owned())).fetch_one(&mut self.0).await?)
    }

    pub(crate) async fn text(&mut self, text: &str) -> Result<String> {
        Ok(sqlx::query_scalar(AssertSqlSafe(text.to_owned())).fetch_one(&mut self.0).await?)
    }

    /// Until no row is there.
    pub(crate) async fn gone(&mut self, from_where: &str) -> Result<()> {
        let text = format!("SELECT count(*) FROM (SELECT 1 {from_where} LIMIT 1) AS due");
        let mut clock = tokio::time::interval(Duration::from_millis(5));
        while self.number(&text).await? > 0 {
            clock.tick().await;
        }
        Ok(())
    }

    /// What is in SQLite's log goes into its file.
    pub(crate) async fn checkpoint_of_sqlite(&mut self) -> Result<()> {
        if self.1 {
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        }
        Ok(())
    }

    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}
