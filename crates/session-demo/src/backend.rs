//! The database that was asked for: one file for each kind.

mod memory;
mod postgres;
mod sqlite;

use std::pin::Pin;
use std::sync::Arc;

use anyhow::bail;
use session_core::SessionBackend;

/// A backend that is ready: connected and migrated.
pub(crate) struct Opened {
    /// What it is called in the line that says where the demo listens.
    pub(crate) name: &'static str,
    pub(crate) backend: Arc<dyn SessionBackend>,
    /// Lets go of it, after the last request.
    pub(crate) close: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Connects to what `url` names, and makes there what it needs.
///
/// No error repeats the URL: it may hold a password.
pub(crate) async fn open(url: &str) -> anyhow::Result<Opened> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        Some("memory") if url == "memory:" => Ok(memory::open()),
        Some("memory") => bail!("--backend memory: takes nothing after the colon"),
        Some("sqlite") => sqlite::open(url).await,
        Some("postgres" | "postgresql") => postgres::open(url).await,
        Some(scheme @ ("redis" | "rediss" | "redis-cluster")) => {
            bail!("--backend {scheme}: is not supported by this build")
        }
        _ => bail!("--backend must begin with memory:, sqlite: or postgres:"),
    }
}
