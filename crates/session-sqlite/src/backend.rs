//! [`SqliteBackend`].

use std::sync::Arc;

use async_trait::async_trait;
use session_core::{
    BackendError, Created, EndedBatch, EndedBy, Finding, Found, NewSession, PurgeReport, Purged,
    SessionBackend, SessionChange, SessionCount, SessionData, SessionId, SessionRef,
    TOMBSTONE_LIFETIME, Timestamp, TokenHash, Updated, UserId,
};
use sqlx::SqlitePool;
use sqlx::query;

use crate::config::SqliteConfig;
use crate::connect::{self, Pools};
use crate::connections::Connections;
use crate::end::End;
use crate::error::{corrupt, driver};
use crate::library::Library;
use crate::log::Log;
use crate::{admin, create, diagnose, end, migrate, row, sign_in, sql, transaction, update};

/// Sessions in a SQLite database.
///
/// Cheap to clone: clones share their connections. See the [crate](crate) for what to set.
#[derive(Debug, Clone)]
pub struct SqliteBackend {
    pools: Pools,
    /// Whether the connections are this backend's own to close.
    owned: bool,
}

impl SqliteBackend {
    /// Opens the database at `url` with the defaults of [`SqliteConfig`], and creates the file
    /// if there is none: on Unix with mode 0600, for its owner alone. It changes nothing in it but
    /// the journal mode: call [`migrate`](Self::migrate) before the first use.
    ///
    /// `url` is `sqlite:path`, `sqlite://path` or a plain path, or `sqlite::memory:` for a database
    /// that ends with this backend.
    ///
    /// # Errors
    /// [`Other`](session_core::BackendErrorKind::Other) if the URL names no file, its folder is
    /// missing, the file is no SQLite database or cannot be written, or the SQLite library is older
    /// than 3.46; [`Unavailable`](session_core::BackendErrorKind::Unavailable) if another
    /// process keeps the file to itself.
    pub async fn connect(url: &str) -> Result<Self, BackendError> {
        Self::connect_with(SqliteConfig::new(url)).await
    }

    /// Opens a database as `config` says.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(config: SqliteConfig) -> Result<Self, BackendError> {
        Ok(Self { pools: connect::pools(&config).await?, owned: true })
    }

    /// Uses a pool that the application has already, for reading and for writing.
    ///
    /// What the pool must be is in the [crate's documentation](crate#a-pool-of-your-own). Nothing
    /// is checked here; [`migrate`](Self::migrate) checks the library's version.
    #[must_use]
    pub fn from_pool(pool: SqlitePool) -> Self {
        let log = Log::of(pool.connect_options().get_filename());
        let given = Connections::pooled(pool);
        let (writer, readers) = (given.clone(), given);
        let pools =
            Pools { writer, readers, log: Some(log), wal: None, library: Library::default() };
        Self { pools, owned: false }
    }

    /// Makes the tables, or brings those of an older release up to date. Safe to call at every
    /// start, and from several processes at once.
    ///
    /// # Errors
    /// [`Other`](session_core::BackendErrorKind::Other) if a newer release has migrated the
    /// database already, or its tables are from before the first release and must be made anew, or it
    /// cannot be written, or the SQLite library is older than 3.46;
    /// [`Unavailable`](session_core::BackendErrorKind::Unavailable) if it is locked for too
    /// long. Nothing is changed then.
    pub async fn migrate(&self) -> Result<(), BackendError> {
        migrate::run(&self.pools).await
    }

    /// Looks at the database, and says how it is and what to do: for an operator, or a page of the
    /// application's that only they see. It changes nothing, and costs a few short reads.
    ///
    /// In this order: `schema`, `objects` (tables, indexes, triggers), `clock`, `purge`, `encoding`, and of a
    /// file `journal`, `log` (its size), and on Unix `file_mode` and `disk`. Without tables some are left out.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn diagnose(&self, now: Timestamp) -> Result<Vec<Finding>, BackendError> {
        diagnose::run(&self.pools, now).await
    }

    /// Waits for calls that run, then closes the connections; calls that come later fail with
    /// [`Unavailable`](session_core::BackendErrorKind::Unavailable). SQLite then moves the WAL into
    /// the file. A pool given to [`from_pool`](Self::from_pool) is left open.
    ///
    /// Without it nothing is lost: the next start finds the WAL.
    pub async fn close(&self) {
        if self.owned {
            // The writer last: it may empty the WAL, the readers may not.
            self.pools.readers.close().await;
            self.pools.writer.close().await;
        }
    }
}

#[async_trait]
impl SessionBackend for SqliteBackend {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        if new.replaces.is_none() && new.record.user_id.is_none() && new.presented.is_empty() {
            return create::anonymous(self.pools.to_write(), new, now).await;
        }
        if sign_in::is_plain(&new) {
            return sign_in::at_once(self.pools.to_write(), new, now).await;
        }
        transaction::run(self.pools.to_write(), move |connection| {
            Box::pin(create::in_transaction(connection, new, now))
        })
        .await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        let statement = query(sql::FIND).bind(token.as_bytes().as_slice()).bind(now.as_micros());
        let found = self.pools.readers.fetch_all(statement).await.map_err(driver)?;
        if let Some(found) = found.first() {
            let (session, token_seen) = row::found(found)?;
            return Ok(Some(Found::Live { session: Arc::new(session), token_seen }));
        }
        let statement = query(sql::FIND_ENDED)
            .bind(token.as_bytes().as_slice())
            .bind(now.as_micros())
            .bind(now.minus(TOMBSTONE_LIFETIME).as_micros());
        let found = self.pools.readers.fetch_all(statement).await.map_err(driver)?;
        let Some(found) = found.first() else { return Ok(None) };

        let joined: Option<&[u8]> = row::get(found, 0)?;
        let grace_until = row::optional_time(found, row::WIDTH + 3)?;
        if let Some(until) = grace_until.filter(|until| *until > now) {
            // An end would have taken the grace away: without its session, that has expired.
            let session = joined.map(|_| row::session(found)).transpose()?;
            return Ok(session.map(|session| Found::Grace { session: Arc::new(session), until }));
        }
        let id = row::id(found, row::WIDTH)?;
        let how: &str = row::get(found, row::WIDTH + 1)?;
        let how = how.parse().map_err(|_| corrupt(Some(id), "how (web_session_tombstones)"))?;
        let at = row::time(found, row::WIDTH + 2)?;
        let successor_seen = row::get(found, row::WIDTH + 4)?;
        Ok(Some(Found::Ended { id, how, at: grace_until.unwrap_or(at), successor_seen }))
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        if let Some(updated) = update::at_once(&self.pools, session, change, now).await? {
            return Ok(updated);
        }
        let (session, change) = (session.clone(), change.clone());
        transaction::run(self.pools.to_write(), move |connection| {
            Box::pin(async move { update::in_transaction(connection, &session, change, now).await })
        })
        .await
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        let (id, owner, acting) = (session.id.to_string(), owner.cloned(), acting.cloned());
        let end = End { how, by: session.token, successor: None, at: now };
        transaction::run(self.pools.to_write(), move |connection| {
            Box::pin(async move {
                end::check_acting(connection, acting.as_ref(), now).await?;
                let gone = query(sql::REMOVE)
                    .bind(id)
                    .bind(now.as_micros())
                    .bind(owner.as_ref().map(UserId::as_str));
                Ok(!end::all(connection, gone, end).await?.is_empty())
            })
        })
        .await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let (user, except) = (user.clone(), except.map(ToString::to_string));
        let acting = acting.cloned();
        transaction::run(self.pools.to_write(), move |connection| {
            Box::pin(async move {
                end::check_acting(connection, acting.as_ref(), now).await?;
                let gone =
                    query(sql::REMOVE_USER).bind(user.as_str()).bind(now.as_micros()).bind(except);
                let by = acting.and_then(|acting| acting.token);
                end::all(connection, gone, End { how, by, successor: None, at: now }).await
            })
        })
        .await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        let statement = query(sql::LIST).bind(user.as_str()).bind(now.as_micros());
        let rows = self.pools.readers.fetch_all(statement).await.map_err(driver)?;
        rows.iter().map(row::session).collect()
    }

    async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        admin::get(&self.pools.readers, id, now).await
    }

    async fn live(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        admin::live(&self.pools.readers, ids, now).await
    }

    async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError> {
        admin::count(&self.pools.readers, now).await
    }

    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        let after = after.copied();
        transaction::run(self.pools.to_write(), move |connection| {
            Box::pin(admin::end_batch(connection, how, after, now, limit))
        })
        .await
    }

    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        let limit = u64::from(limit.max(1));
        let purged = transaction::run(self.pools.to_write(), move |connection| {
            Box::pin(async move { end::purge(connection, now, limit, report).await })
        })
        .await?;
        if let Some(wal) = &self.pools.wal {
            wal.after_batch(&self.pools.writer, limit, purged.more).await?;
        }
        Ok(purged)
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.pools.readers.fetch_all(query(sql::PING)).await.map_err(driver).map(|_| ())
    }
}
