//! The laws, held to a file: with the backend's own connections, and with an application's pool.

use std::sync::Arc;
use std::time::Duration;

use session_conformance::{Cut, Failure, TestBackend, async_trait};
use session_core::SessionBackend;
use session_sqlite::{SqliteBackend, SqliteConfig};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection, Executor, SqliteConnection, SqlitePool};
use tempfile::TempDir;
use tokio::sync::Mutex;

const BUSY: Duration = Duration::from_millis(1500);
const ACQUIRE: Duration = Duration::from_millis(2000);

/// One file, and how it is opened.
pub(crate) struct Database {
    backend: SqliteBackend,
    pool: Option<SqlitePool>,
    /// Keeps the lock if the database is to be slow.
    holder: Mutex<Option<SqliteConnection>>,
    folder: TempDir,
}

impl Database {
    fn options(&self) -> SqliteConnectOptions {
        options(&self.folder)
    }
}

fn options(folder: &TempDir) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(folder.path().join("sessions.db")).busy_timeout(BUSY)
}

async fn connect(folder: &TempDir) -> SqliteBackend {
    let path = folder.path().join("sessions.db").display().to_string();
    let config = SqliteConfig::new(path).busy_timeout(BUSY).acquire_timeout(ACQUIRE);
    SqliteBackend::connect_with(config).await.unwrap()
}

async fn pool(folder: &TempDir) -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(4).acquire_timeout(ACQUIRE);
    pool.connect_with(options(folder)).await.unwrap()
}

#[async_trait]
impl TestBackend for Database {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        Arc::new(self.backend.clone())
    }

    async fn reopen(&self) -> Arc<dyn SessionBackend> {
        match &self.pool {
            None => Arc::new(connect(&self.folder).await),
            Some(_) => Arc::new(SqliteBackend::from_pool(pool(&self.folder).await)),
        }
    }

    async fn dump(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    async fn cut(&self, how: Failure) -> Cut {
        match how {
            Failure::Unreachable => match &self.pool {
                None => self.backend.close().await,
                Some(pool) => pool.close().await,
            },
            Failure::Slow => {
                let mut holder = SqliteConnection::connect_with(&self.options()).await.unwrap();
                holder.execute("BEGIN IMMEDIATE").await.unwrap();
                *self.holder.lock().await = Some(holder);
            }
            Failure::Broken => {
                let mut other = SqliteConnection::connect_with(&self.options()).await.unwrap();
                other
                    .execute("DROP TABLE web_sessions; DROP TABLE web_session_tombstones")
                    .await
                    .unwrap();
            }
        }
        Cut::Done { within: BUSY + ACQUIRE + Duration::from_millis(500) }
    }
}

pub(crate) mod sqlite {
    use super::*;

    pub(crate) async fn fresh() -> Database {
        let folder = tempfile::tempdir().unwrap();
        let backend = connect(&folder).await;
        backend.migrate().await.unwrap();
        Database { backend, pool: None, holder: Mutex::new(None), folder }
    }

    session_conformance::backend_laws!(fresh);
}

mod sqlite_pool {
    use super::*;

    async fn fresh() -> Database {
        let folder = tempfile::tempdir().unwrap();
        // A database that something else made, in WAL mode as the documentation asks.
        connect(&folder).await.close().await;
        let pool = pool(&folder).await;
        let backend = SqliteBackend::from_pool(pool.clone());
        backend.migrate().await.unwrap();
        Database { backend, pool: Some(pool), holder: Mutex::new(None), folder }
    }

    session_conformance::backend_laws!(fresh);
}
