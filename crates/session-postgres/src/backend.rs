//! [`PostgresBackend`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use session_core::{
    Applied, BackendError, BackendErrorKind, Created, EndedBatch, EndedBy, Finding, Found,
    Lifetime, NewSession, PurgeReport, Purged, SessionBackend, SessionChange, SessionCount,
    SessionData, SessionId, SessionRef, Timestamp, TokenHash, TokenState, Updated, UserId,
};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, SqlStr, query};

use crate::call::Server;
use crate::config::PostgresConfig;
use crate::error::{corrupt, other};
use crate::moment::Moment;
use crate::sql::Texts;
use crate::{admin, connect, diagnose, migrate, row, statement};

/// Sessions in a PostgreSQL database.
///
/// Cheap to clone: clones share their connections. See the [crate](crate) for what to set.
#[derive(Clone)]
pub struct PostgresBackend {
    server: Server,
    schema: Option<String>,
    texts: Arc<Texts>,
    /// Microseconds: nothing before it was due when the last batch of a purge was done. Wrong only to
    /// the end of that purge, and then a row waits for the next one.
    purge_from: Arc<AtomicI64>,
    /// Whether the connections are this backend's own to close.
    owned: bool,
}

impl PostgresBackend {
    /// Connects to the database at `url` with the defaults of [`PostgresConfig`]. It changes nothing
    /// there: call [`migrate`](Self::migrate) before the first use.
    ///
    /// # Errors
    /// [`Other`](session_core::BackendErrorKind::Other) if the URL is none of PostgreSQL, the
    /// server refuses the user, the password or the database, or is older than 15;
    /// [`Unavailable`](session_core::BackendErrorKind::Unavailable) if nobody answers in time, and for
    /// whatever `PgBouncer` refuses, a wrong password too: it has one SQLSTATE (08P01) for all of it.
    /// No error repeats the URL.
    pub async fn connect(url: &str) -> Result<Self, BackendError> {
        Self::connect_with(PostgresConfig::new(url)).await
    }

    /// Connects to a database as `config` says.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`Other`](session_core::BackendErrorKind::Other) for a
    /// name that cannot be the schema.
    pub async fn connect_with(config: PostgresConfig) -> Result<Self, BackendError> {
        let server = connect::open(&config).await?;
        Ok(Self::over(server, config.schema, true))
    }

    /// Uses a pool that the application has already. The tables are looked for, and made, along its
    /// connections' `search_path`.
    ///
    /// What the pool must be is in the [crate's documentation](crate#a-pool-of-your-own).
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self::over(connect::given(pool), None, false)
    }

    fn over(server: Server, schema: Option<String>, owned: bool) -> Self {
        let texts = Arc::new(Texts::of(schema.as_deref()));
        Self { server, schema, texts, purge_from: from_the_first(), owned }
    }

    /// Makes the tables, or brings those of an older release up to date. Safe to call at every
    /// start, and from many processes at once: they wait for each other. If nothing is missing it only
    /// reads, so a role that may use the tables and make none is enough, and what a newer release has
    /// added stays.
    ///
    /// # Errors
    /// [`Other`](session_core::BackendErrorKind::Other) if something is missing and the role may not
    /// create it, the tables are from before the first release, or the database is not in UTF8;
    /// [`Unavailable`](session_core::BackendErrorKind::Unavailable) if the server does not
    /// answer, or another process migrates for over a minute. Nothing is changed then.
    pub async fn migrate(&self) -> Result<(), BackendError> {
        migrate::run(&self.server, self.schema.as_deref()).await
    }

    /// Looks at the database, and says how it is and what to do: for an operator, or a page of the
    /// application's that only they see. It changes nothing, and costs a few short reads.
    ///
    /// In this order: `server`, `encoding`, `isolation`, `settings` (time-outs, and what a pooler dropped),
    /// `clock`, `schema`, and if there are tables, `objects` (tables, indexes, functions), `rights` and `purge`.
    /// Of the server's disk nothing is seen from here.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn diagnose(&self, now: Timestamp) -> Result<Vec<Finding>, BackendError> {
        diagnose::run(&self.server, self.schema.as_deref(), now).await
    }

    /// Waits for calls that run, then closes the connections; calls that come later fail with
    /// [`Unavailable`](session_core::BackendErrorKind::Unavailable). A pool given to
    /// [`from_pool`](Self::from_pool) is left open.
    ///
    /// Without it nothing is lost.
    pub async fn close(&self) {
        if self.owned {
            self.server.connections.close().await;
        }
    }
}

impl fmt::Debug for PostgresBackend {
    /// Without the pool, which knows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBackend")
            .field("schema", &self.schema)
            .field("owned", &self.owned)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionBackend for PostgresBackend {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        let rows = self.server.write(|| statement::create(&self.texts, &new, now)).await?;
        let made = only(&rows)?;
        refuse(row::get(made, 0)?)?;
        let mut session = new.record;
        session.data =
            row::data(row::get(made, 1)?).ok_or_else(|| corrupt(Some(session.id), "data"))?;
        Ok(Created {
            session: session.into(),
            evicted: row::ids(made, 2)?,
            replaced: row::get(made, 3)?,
        })
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        let find = |text: &SqlStr| query(text.clone()).bind(row::bytes(token)).bind(Moment(now));
        let rows = self.server.read(|| find(&self.texts.find)).await?;
        if let Some(found) = rows.first() {
            let session = Arc::new(row::session(found)?);
            return Ok(Some(Found::Live { session, token_seen: row::get(found, row::WIDTH)? }));
        }
        let rows = self.server.read(|| find(&self.texts.find_ended)).await?;
        let Some(found) = rows.first() else { return Ok(None) };

        let how: &str = row::get(found, row::WIDTH + 1)?;
        let joined: Option<&str> = row::get(found, 0)?;
        if let Some(until) = row::optional_time(found, row::WIDTH + 3)?.filter(|at| *at > now) {
            // An end would have taken the grace away: without its session, that has expired.
            let session = joined.map(|_| row::session(found)).transpose()?;
            return Ok(session.map(|session| Found::Grace { session: Arc::new(session), until }));
        }
        let id = row::id(found, row::WIDTH)?;
        let how = how.parse().map_err(|_| corrupt(Some(id), "how (web_session_tombstones)"))?;
        let at = row::time(found, row::WIDTH + 2)?;
        let successor_seen = row::get(found, row::WIDTH + 4)?;
        Ok(Some(Found::Ended { id, how, at, successor_seen }))
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut rows = Vec::new();
        if statement::is_data_alone(change) {
            let update = || statement::update_data(&self.texts, session, change, now);
            rows = self.server.write(update).await?;
        }
        if rows.is_empty() {
            rows =
                self.server.write(|| statement::update(&self.texts, session, change, now)).await?;
        }
        let answer = only(&rows)?;
        match row::get(answer, 0)? {
            "applied" => Ok(Updated::Applied(applied(answer)?)),
            "missing" => Ok(Updated::Missing),
            "conflict" => Ok(Updated::Conflict),
            "superseded" => Ok(Updated::Superseded),
            outcome => refuse(outcome).and_then(|()| Err(foreign())),
        }
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        let remove = || statement::remove(&self.texts, session, owner, acting, how, now);
        let rows = self.server.write(remove).await?;
        let outcome: &str = row::get(only(&rows)?, 0)?;
        if outcome == "missing" {
            return Ok(false);
        }
        refuse(outcome).map(|()| true)
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let remove = || statement::remove_user(&self.texts, user, acting, except, how, now);
        let rows = self.server.write(remove).await?;
        let removed = only(&rows)?;
        refuse(row::get(removed, 0)?)?;
        row::ids(removed, 1)
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        let rows = self
            .server
            .read(|| {
                query(self.texts.list.clone()).bind(user.as_str().to_owned()).bind(Moment(now))
            })
            .await?;
        rows.iter().map(row::session).collect()
    }

    async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        let rows = self.server.read(|| admin::get(&self.texts, id, now)).await?;
        rows.first().map(row::session).transpose()
    }

    async fn live(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        admin::found_live(&self.server.read(|| admin::live(&self.texts, ids, now)).await?)
    }

    async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError> {
        let rows = self.server.read(|| admin::count(&self.texts, now)).await?;
        admin::counted(only(&rows)?)
    }

    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        let end = || admin::end_all(&self.texts, how, after, now, limit);
        let rows = self.server.write(end).await?;
        admin::ended(only(&rows)?)
    }

    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        let from = Timestamp::from_micros(self.purge_from.load(Ordering::Relaxed));
        let purge = || {
            query(self.texts.purge.clone())
                .bind(Moment(now))
                .bind(i64::from(limit.max(1)))
                .bind(Moment(from))
                .bind(report == PurgeReport::Sessions)
        };
        let rows = self.server.write(purge).await?;
        let purged = only(&rows)?;
        let removed = row::get::<i64>(purged, 0)?.cast_unsigned();
        let more = row::get(purged, 1)?;
        let next = if more { row::time(purged, 2)? } else { Timestamp::MIN };
        self.purge_from.store(next.as_micros(), Ordering::Relaxed);
        Ok(Purged { removed, more, expired: admin::expired(purged, 3)? })
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.server.read(|| query(self.texts.ping.clone())).await.map(|_| ())
    }
}

fn from_the_first() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(Timestamp::MIN.as_micros()))
}

fn applied(answer: &PgRow) -> Result<Applied, BackendError> {
    Ok(Applied {
        version: row::get::<i64>(answer, 1)?.cast_unsigned(),
        token: match row::get(answer, 2)? {
            true => TokenState::Current,
            false => TokenState::Grace,
        },
        touched: row::get(answer, 3)?,
        expires_at: row::time(answer, 4)?,
        lifetime: Lifetime {
            idle_ttl_secs: row::get::<Option<i64>>(answer, 5)?.map(i64::cast_unsigned),
            cookie_persistent: row::get(answer, 6)?,
            not_after: row::optional_time(answer, 7)?,
        },
        ended: row::ids(answer, 8)?,
    })
}

/// The errors that are outcomes: the function changed nothing, and the server's log is spared.
fn refuse(outcome: &str) -> Result<(), BackendError> {
    match outcome {
        "in_use" => Err(BackendError::from_kind(BackendErrorKind::Conflict)),
        "too_large" => Err(BackendError::from_kind(BackendErrorKind::TooLarge)),
        "acting_ended" => Err(BackendError::from_kind(BackendErrorKind::ActingEnded)),
        "created" | "applied" | "removed" => Ok(()),
        _ => Err(foreign()),
    }
}

fn only(rows: &[PgRow]) -> Result<&PgRow, BackendError> {
    rows.first().ok_or_else(foreign)
}

fn foreign() -> BackendError {
    other("the functions of the session tables are not those of this release: run migrate() first")
}
