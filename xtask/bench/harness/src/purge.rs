//! Half of a large table has expired: the cleanup job as it is shipped, with requests going on, beside
//! one `DELETE` on a quiet copy.

mod fill;
mod requests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use session_core::{
    Clock, ManualClock, SessionBackend, SessionConfig, SessionRef, SessionStore, SystemClock,
};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_sqlite::SqliteBackend;
use tokio::sync::oneshot;

use crate::database::{Database, Databases, Store};
use crate::measure::Depth;
use fill::{Fill, Raw};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Purge {
    pub(crate) store: Store,
    pub(crate) rows: u64,
    pub(crate) rounds: Vec<Round>,
}

#[derive(Debug)]
pub(crate) struct Round {
    /// Seconds of one `DELETE`.
    pub(crate) bare: f64,
    /// Seconds of the job.
    pub(crate) job: f64,
    pub(crate) finds: Waits,
    pub(crate) updates: Waits,
}

/// How long requests took, in milliseconds.
#[derive(Debug, PartialEq)]
pub(crate) struct Waits {
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

impl Waits {
    fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |part: f64| {
            // The smallest that `part` of all do not exceed.
            let rank = (part * samples.len() as f64).ceil() as usize;
            samples.get(rank.saturating_sub(1)).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
        };
        Self { p99: at(0.99), most: at(1.0) }
    }
}

const ROUNDS: usize = 3;

pub(crate) async fn run(databases: &Databases, store: Store, depth: Depth) -> Result<Purge> {
    let fill = Fill { rows: depth.rows, now: SystemClock.now(), store };
    println!("  {}: {} rows, half of them expired", store.name(), fill.rows);
    let model = databases.make(store).await?;
    Backend::open(store, &model).await?.close().await;
    let mut raw = Raw::open(&model, store).await?;
    fill.run(&mut raw).await?;
    raw.close().await?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        let bare = bare(&databases.copy_of(&model, store).await?, fill).await?;
        let round = job(&databases.copy_of(&model, store).await?, fill, bare).await?;
        println!("  round {number}: one DELETE {bare:.2} s, the job {:.2} s", round.job);
        rounds.push(round);
    }
    Ok(Purge { store, rows: fill.rows, rounds })
}

/// Seconds that one statement takes on a copy that nobody else uses.
async fn bare(copy: &Database, fill: Fill) -> Result<f64> {
    let mut raw = Raw::open(copy, fill.store).await?;
    let text = format!("DELETE FROM web_sessions WHERE expires_at <= {}", fill.moment());
    let began = Instant::now();
    raw.execute(&text).await?;
    raw.checkpoint_of_sqlite().await?;
    let took = began.elapsed().as_secs_f64();
    check(&mut raw, fill).await?;
    raw.close().await?;
    Ok(took)
}

async fn check(raw: &mut Raw, fill: Fill) -> Result<()> {
    let left = raw.number("SELECT count(*) FROM web_sessions").await?.unsigned_abs();
    ensure!(
        left == fill.rows / 2,
        "{left} rows are left of {}, half of which had expired",
        fill.rows
    );
    Ok(())
}

async fn job(copy: &Database, fill: Fill, bare: f64) -> Result<Round> {
    let opened = Backend::open(fill.store, copy).await?;
    let mut raw = Raw::open(copy, fill.store).await?;
    let sessions: Arc<Vec<SessionRef>> = Arc::new(fill.live(&mut raw).await?);
    let store = SessionStore::shared(opened.backend(), SessionConfig::default())?
        .with_clock(ManualClock::new(fill.now));
    let (stop, told) = oneshot::channel();
    let load = tokio::spawn(requests::run(opened.backend(), sessions, fill.now, told));
    let cleanup = store.cleanup_job().every(Duration::from_secs(1)).spawn();
    // It begins at a moment of its own: with the session that is due first.
    let due = format!("FROM web_sessions WHERE purge_after <= {}", fill.moment());
    let first = "SELECT id FROM web_sessions ORDER BY purge_after LIMIT 1";
    let first = raw.text(first).await?;
    raw.gone(&format!("FROM web_sessions WHERE id = '{first}'")).await?;
    let began = Instant::now();
    raw.gone(&due).await?;
    let mut seconds = began.elapsed().as_secs_f64();
    let _ = stop.send(());
    let seen = load.await??;
    cleanup.stop().await;
    let began = Instant::now();
    raw.checkpoint_of_sqlite().await?;
    seconds += began.elapsed().as_secs_f64();
    check(&mut raw, fill).await?;
    raw.close().await?;
    opened.close().await;
    Ok(Round { bare, job: seconds, finds: Waits::of(seen.finds), updates: Waits::of(seen.updates) })
}

/// The backend as it is shipped.
enum Backend {
    Sqlite(SqliteBackend),
    Postgres(PostgresBackend),
}

impl Backend {
    async fn open(store: Store, database: &Database) -> Result<Self> {
        if store == Store::Sqlite {
            let backend = SqliteBackend::connect(&database.url).await?;
            backend.migrate().await?;
            return Ok(Self::Sqlite(backend));
        }
        let config = PostgresConfig::new(database.url.as_str());
        let backend = PostgresBackend::connect_with(config).await?;
        backend.migrate().await?;
        Ok(Self::Postgres(backend))
    }

    fn backend(&self) -> Arc<dyn SessionBackend> {
        match self {
            Self::Sqlite(backend) => Arc::new(backend.clone()),
            Self::Postgres(backend) => Arc::new(backend.clone()),
        }
    }

    async fn close(self) {
        match self {
            Self::Sqlite(backend) => backend.close().await,
            Self::Postgres(backend) => backend.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_waits_the_99th_is_told_and_the_longest() {
        let waits =
            |of: std::ops::RangeInclusive<u64>| Waits::of(of.map(Duration::from_millis).collect());
        assert_eq!(waits(1..=100), Waits { p99: 99.0, most: 100.0 });
        assert_eq!(waits(1..=3), Waits { p99: 3.0, most: 3.0 });
    }

    /// So that whoever changes the schema hears of it here.
    #[tokio::test(flavor = "multi_thread")]
    async fn half_of_a_small_table_goes() {
        let databases = Databases::find().await.unwrap();
        let depth = Depth { rows: 1_000, ..crate::measure::QUICK };
        let purge = run(&databases, Store::Sqlite, depth).await.unwrap();
        assert!(purge.rounds.iter().all(|round| round.job > 0.0));
    }
}
