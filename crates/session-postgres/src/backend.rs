//! [`PostgresBackend`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use session_core::{
    Applied, BackendError, BackendErrorKind, Carry, Created, EndedBy, Found, NewSession, Purged,
    Rotation, SessionBackend, SessionChange, SessionData, SessionId, SessionRef, Timestamp,
    TokenHash, TokenState, Updated, UserId, tombstone_expiry,
};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, query};

use crate::call::Server;
use crate::config::PostgresConfig;
use crate::error::{corrupt, other};
use crate::moment::Moment;
use crate::row::{self, Statement};
use crate::{connect, migrate, sql};

/// Sessions in a PostgreSQL database.
///
/// Cheap to clone: clones share their connections. See the [crate](crate) for what to set.
#[derive(Clone)]
pub struct PostgresBackend {
    server: Server,
    schema: Option<String>,
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
    /// [`Other`](session_core::BackendErrorKind::Other) where the URL is none of PostgreSQL, the
    /// server refuses the user, the password or the database, or is older than 15;
    /// [`Unavailable`](session_core::BackendErrorKind::Unavailable) where nobody answers in time.
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
        Ok(Self { server, schema: config.schema, purge_from: from_the_first(), owned: true })
    }

    /// Uses a pool that the application has already. The tables are looked for, and made, along its
    /// connections' `search_path`.
    ///
    /// What the pool must be is in the [crate's documentation](crate#a-pool-of-your-own).
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self {
            server: connect::given(pool),
            schema: None,
            purge_from: from_the_first(),
            owned: false,
        }
    }

    /// Makes the tables, or brings those of an older release up to date. Safe to call at every
    /// start, and from many processes at once: they wait for each other.
    ///
    /// # Errors
    /// [`Other`](session_core::BackendErrorKind::Other) where a newer release has migrated the
    /// database already, the role may not create tables, or the database is not in UTF8;
    /// [`Unavailable`](session_core::BackendErrorKind::Unavailable) where the server does not
    /// answer, or another process migrates for over a minute. Nothing is changed then.
    pub async fn migrate(&self) -> Result<(), BackendError> {
        migrate::run(&self.server, self.schema.as_deref()).await
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
        let rows = self.server.write(|| create(&new, now)).await?;
        let made = only(&rows)?;
        refuse(row::get(made, 0)?)?;
        let mut session = new.record;
        session.data =
            row::data(row::get(made, 1)?).ok_or_else(|| corrupt(Some(session.id), "data"))?;
        Ok(Created { session, evicted: row::ids(made, 2)?, replaced: row::get(made, 3)? })
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        let find = |text| query(text).bind(row::bytes(token)).bind(Moment(now));
        let rows = self.server.read(|| find(sql::FIND)).await?;
        if let Some(found) = rows.first() {
            return Ok(Some(Found::Live(Arc::new(row::session(found)?))));
        }
        let rows = self.server.read(|| find(sql::FIND_ENDED)).await?;
        let Some(found) = rows.first() else { return Ok(None) };

        let how: &str = row::get(found, row::WIDTH + 1)?;
        let joined: Option<&str> = row::get(found, 0)?;
        if joined.is_some() {
            let until = row::time(found, row::WIDTH + 3)?;
            return Ok(Some(Found::Grace { session: Arc::new(row::session(found)?), until }));
        }
        let id = row::id(found, row::WIDTH)?;
        let how = how.parse().map_err(|_| corrupt(Some(id), "how (web_session_tombstones)"))?;
        Ok(Some(Found::Ended { id, how, at: row::time(found, row::WIDTH + 2)? }))
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut rows = Vec::new();
        if is_data_alone(change) {
            rows = self.server.write(|| update_data(session, change, now)).await?;
        }
        if rows.is_empty() {
            rows = self.server.write(|| update(session, change, now)).await?;
        }
        let answer = only(&rows)?;
        match row::get(answer, 0)? {
            "applied" => Ok(Updated::Applied(Applied {
                version: row::get::<i64>(answer, 1)?.cast_unsigned(),
                token: match row::get(answer, 2)? {
                    true => TokenState::Current,
                    false => TokenState::Replaced,
                },
                touched: row::get(answer, 3)?,
            })),
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
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        let remove = || {
            query(sql::REMOVE)
                .bind(session.id.to_string())
                .bind(Moment(now))
                .bind(owner.map(|owner| owner.as_str().to_owned()))
                .bind(how.as_str())
                .bind(Moment(tombstone_expiry(now, None)))
        };
        Ok(!self.server.write(remove).await?.is_empty())
    }

    async fn remove_user(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let remove = || {
            query(sql::REMOVE_USER)
                .bind(user.as_str().to_owned())
                .bind(except.map(ToString::to_string))
                .bind(how.as_str())
                .bind(Moment(now))
                .bind(Moment(tombstone_expiry(now, None)))
        };
        row::ids(only(&self.server.write(remove).await?)?, 0)
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        let rows = self
            .server
            .read(|| query(sql::LIST).bind(user.as_str().to_owned()).bind(Moment(now)))
            .await?;
        rows.iter().map(row::session).collect()
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, BackendError> {
        let from = Timestamp::from_micros(self.purge_from.load(Ordering::Relaxed));
        let purge =
            || query(sql::PURGE).bind(Moment(now)).bind(i64::from(limit.max(1))).bind(Moment(from));
        let rows = self.server.write(purge).await?;
        let purged = only(&rows)?;
        let removed = row::get::<i64>(purged, 0)?.cast_unsigned();
        let more = row::get(purged, 1)?;
        let next = if more { row::time(purged, 2)? } else { Timestamp::MIN };
        self.purge_from.store(next.as_micros(), Ordering::Relaxed);
        Ok(Purged { removed, more })
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.server.read(|| query(sql::PING)).await.map(|_| ())
    }
}

fn from_the_first() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(Timestamp::MIN.as_micros()))
}

fn create(new: &NewSession, now: Timestamp) -> Statement {
    let replaces = new.replaces.as_ref();
    let carried = replaces.and_then(|replace| match &replace.carry {
        Carry::All => None,
        Carry::Keys(keys) => Some(keys.clone()),
        Carry::Nothing => Some(Vec::new()),
    });
    let statement = row::bind_record(query(sql::CREATE), &new.record, &new.token)
        .bind(Moment(now))
        .bind(Moment(tombstone_expiry(now, None)));
    row::bind_patch(statement, Some(&new.patch), new.max_bytes)
        .bind(new.cap.map(|cap| i64::from(cap.get())))
        .bind(replaces.map(|replace| replace.session.id.to_string()))
        .bind(carried)
}

fn is_data_alone(change: &SessionChange) -> bool {
    let others = change.rotation.is_none() && change.reauthentication.is_none();
    others && change.touch.is_none() && !change.patch.is_empty()
}

fn update_data(session: &SessionRef, change: &SessionChange, now: Timestamp) -> Statement {
    bind_data(query(sql::UPDATE_DATA), session, change, now)
}

fn bind_data(
    statement: Statement,
    session: &SessionRef,
    change: &SessionChange,
    now: Timestamp,
) -> Statement {
    let statement = statement
        .bind(session.id.to_string())
        .bind(session.token.as_ref().map(row::bytes))
        .bind(Moment(now))
        .bind(change.if_version.map(u64::cast_signed));
    let patch = Some(&change.patch).filter(|patch| !patch.is_empty());
    row::bind_patch(statement, patch, change.max_bytes)
}

fn update(session: &SessionRef, change: &SessionChange, now: Timestamp) -> Statement {
    let changes_token = change.rotation.is_some() || change.reauthentication.is_some();
    let text = if changes_token { sql::UPDATE_TOKEN } else { sql::UPDATE };
    let touch = change.touch.as_ref();
    let agent = touch.and_then(|touch| touch.agent.as_ref());
    let statement = bind_data(query(text), session, change, now)
        .bind(touch.map(|touch| Moment(touch.due_before)))
        .bind(touch.map(|touch| Moment(touch.expires_at)))
        .bind(touch.and_then(|touch| touch.ip_address).map(|address| address.to_string()))
        .bind(agent.map(|agent| agent.user_agent.clone()))
        .bind(agent.map(|agent| agent.device_name.clone()))
        .bind(agent.map(|agent| agent.device_type.as_str()));
    if !changes_token {
        return statement;
    }
    let grace_until = change.rotation.as_ref().and_then(Rotation::grace_until);
    let again = change.reauthentication.as_ref();
    statement
        .bind(change.rotation.as_ref().map(|rotation| row::bytes(rotation.token())))
        .bind(grace_until.map(Moment))
        .bind(Moment(tombstone_expiry(now, grace_until)))
        .bind(again.map(|again| Moment(again.expires_at)))
        .bind(again.and_then(|again| again.absolute_expires_at).map(Moment))
        .bind(again.and_then(|again| again.ip_address).map(|address| address.to_string()))
}

/// The errors that are outcomes: the function changed nothing, and the server's log is spared.
fn refuse(outcome: &str) -> Result<(), BackendError> {
    match outcome {
        "in_use" => Err(BackendError::from_kind(BackendErrorKind::Conflict)),
        "too_large" => Err(BackendError::from_kind(BackendErrorKind::TooLarge)),
        "created" | "applied" => Ok(()),
        _ => Err(foreign()),
    }
}

fn only(rows: &[PgRow]) -> Result<&PgRow, BackendError> {
    rows.first().ok_or_else(foreign)
}

fn foreign() -> BackendError {
    other("the functions of the session tables are not those of this release: run migrate() first")
}
