//! Point 8: half of the table has expired. The cleanup job as it is shipped, with requests going on,
//! against one `DELETE` on a quiet copy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use session_core::{Clock, ManualClock, SessionConfig, SessionRef, SessionStore, SystemClock};
use tokio::sync::oneshot;

use crate::Arguments;
use crate::fill::{self, Expired, Fill};
use crate::load;
use crate::place::{Place, Scratch};
use crate::report::{Line, Target, round, say};
use crate::samples::{Samples, median};
use crate::watched::{Batch, Watched};

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let database = arguments.database.name();
    let now = SystemClock.now();
    let fill = Fill { expired: Expired::Half, ..Fill::new(arguments.rows(), now) };
    say!("purge: {} rows, half of them expired, on {database}", fill.rows);

    let mut ratios = Vec::new();
    let mut seen = load::Seen::default();
    let mut idle = load::Seen::default();
    let mut rounds = Vec::new();
    let model = model(arguments, fill).await?;
    for number in 1..=arguments.rounds {
        let bare = match &model {
            Some(model) => {
                let bare = bare(model, fill).await?;
                say!("  round {number}: one DELETE {bare:.3} s");
                Some(bare)
            }
            None => None,
        };
        let job = job(arguments, model.as_ref(), fill).await?;
        say!("  round {number}: the job {:.3} s in {} batches", job.seconds, job.batches.len());
        ratios.extend(bare.map(|bare| job.seconds / bare));
        rounds.push(json!({
            "bare_delete_s": bare.map(round),
            "job_s": round(job.seconds),
            "batches": batches(&job.batches),
            "find": job.seen.finds.summary(),
            "update": job.seen.updates.summary(),
        }));
        seen.finds.extend(job.seen.finds);
        seen.updates.extend(job.seen.updates);
        seen.failed += job.seen.failed;
        idle.finds.extend(job.idle.finds);
        idle.updates.extend(job.idle.updates);
    }
    if let Some(model) = model {
        model.remove().await?;
    }

    let detail = json!({
        "rows": fill.rows,
        "expired": fill.rows / 2,
        "rounds": rounds,
        "failed_requests": seen.failed,
        "without_a_purge": {"find": idle.finds.summary(), "update": idle.updates.summary()},
        "note": match database {
            "postgres" => "fsync and full_page_writes are as the server has them; cargo xtask services starts one with both off",
            "sqlite" => "the checkpoint of the WAL is counted on both sides",
            _ => "memory has no DELETE to compare with",
        },
    });
    let line = |what, value, unit, target| {
        Line { point: "8", what, database, value, unit, target, detail: detail.clone() }.print();
    };
    if !ratios.is_empty() {
        line("job's total time over one DELETE's", median(ratios), "ratio", Target::AtMost(1.5));
    }
    let p99 = |samples: &Samples| match seen.failed {
        0 => samples.quantile(0.99),
        _ => f64::INFINITY,
    };
    line("p99 of find during the purge", p99(&seen.finds), "ms", Target::Below(10.0));
    line("p99 of update during the purge", p99(&seen.updates), "ms", Target::Below(10.0));
    Ok(())
}

/// The table that every round copies. Memory is filled anew.
async fn model(arguments: &Arguments, fill: Fill) -> Result<Option<Scratch>> {
    if matches!(arguments.database, Place::Memory) {
        return Ok(None);
    }
    let model = Scratch::new(&arguments.database).await?;
    let mut raw = model.raw().await?;
    fill.run(&mut raw).await?;
    raw.close().await?;
    Ok(Some(model))
}

/// Seconds that one statement takes on a copy that nobody else uses.
async fn bare(model: &Scratch, fill: Fill) -> Result<f64> {
    let copy = Scratch::copy_of(model).await?;
    let mut raw = copy.raw().await?;
    let now = fill.now.as_micros();
    let began = Instant::now();
    match &copy.place {
        Place::Sqlite(_) => {
            raw.execute(&format!("DELETE FROM web_sessions WHERE expires_at <= {now}")).await?;
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        }
        _ => {
            let now = format!("timestamptz 'epoch' + {now} * interval '1 microsecond'");
            raw.execute(&format!("DELETE FROM web_sessions WHERE expires_at <= {now}")).await?;
        }
    }
    let took = began.elapsed().as_secs_f64();
    check(&mut raw, fill).await?;
    raw.close().await?;
    copy.remove().await?;
    Ok(took)
}

async fn check(raw: &mut crate::place::Raw, fill: Fill) -> Result<()> {
    let left = raw.number("SELECT count(*) FROM web_sessions").await?;
    if left.unsigned_abs() != fill.rows / 2 {
        bail!("{left} rows are left of {}, half of which had expired", fill.rows);
    }
    Ok(())
}

struct Job {
    seconds: f64,
    batches: Vec<Batch>,
    seen: load::Seen,
    /// The same requests before the purge began.
    idle: load::Seen,
}

/// How long the requests run alone.
const ALONE: Duration = Duration::from_secs(3);

async fn job(arguments: &Arguments, model: Option<&Scratch>, fill: Fill) -> Result<Job> {
    let (copy, sessions) = match model {
        Some(model) => {
            let copy = Scratch::copy_of(model).await?;
            let mut raw = copy.raw().await?;
            let sessions = live(&mut raw, fill).await?;
            raw.close().await?;
            (copy, sessions)
        }
        None => {
            let copy = Scratch::new(&arguments.database).await?;
            let kept = fill::through(&*copy.backend(), fill).await?;
            let live = kept.into_iter().filter(|new| new.record.expires_at > fill.now);
            let sessions = live.map(|new| SessionRef {
                id: new.record.id,
                token: Some(new.token),
                user: None,
            });
            (copy, sessions.collect())
        }
    };
    let sessions = Arc::new(sessions);
    let idle = {
        let (stop, told) = oneshot::channel();
        let load = tokio::spawn(load::run(copy.backend(), sessions.clone(), fill.now, told));
        tokio::time::sleep(ALONE).await;
        let _ = stop.send(());
        load.await?
    };

    let watched = Watched::new(copy.backend());
    let store = SessionStore::shared(Arc::new(watched.clone()), SessionConfig::default())?
        .with_clock(ManualClock::new(fill.now));
    let (stop, told) = oneshot::channel();
    let load = tokio::spawn(load::run(copy.backend(), sessions, fill.now, told));
    let cleanup = store.cleanup_job().every(Duration::from_secs(1)).spawn();
    let mut clock = tokio::time::interval(Duration::from_millis(50));
    while !watched.seen(|seen| seen.batches.last().is_some_and(|batch| !batch.more)) {
        clock.tick().await;
    }
    let _ = stop.send(());
    let seen = load.await?;
    cleanup.stop().await;

    let mut batches = watched.seen(|seen| std::mem::take(&mut seen.batches));
    // What the job did after it was through, in its next interval.
    if let Some(last) = batches.iter().position(|batch| !batch.more) {
        batches.truncate(last + 1);
    }
    let mut seconds = match (batches.first(), batches.last()) {
        (Some(first), Some(last)) => (last.began + last.took - first.began).as_secs_f64(),
        _ => bail!("the job did nothing"),
    };
    if model.is_some() {
        let mut raw = copy.raw().await?;
        if matches!(copy.place, Place::Sqlite(_)) {
            let began = Instant::now();
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
            seconds += began.elapsed().as_secs_f64();
        }
        check(&mut raw, fill).await?;
        raw.close().await?;
    }
    copy.remove().await?;
    Ok(Job { seconds, batches, seen, idle })
}

/// Twenty thousand live sessions, from all over the table.
async fn live(raw: &mut crate::place::Raw, fill: Fill) -> Result<Vec<SessionRef>> {
    let users = (fill.rows / fill::PER_USER).max(1);
    let step = (users / 4000).max(1);
    let now = fill.now.as_micros();
    let condition = match raw {
        crate::place::Raw::Sqlite(_) => {
            format!("expires_at > {now} AND CAST(substr(user_id, 6) AS INTEGER) % {step} = 0")
        }
        crate::place::Raw::Postgres(_) => format!(
            "expires_at > timestamptz 'epoch' + {now} * interval '1 microsecond' \
             AND substr(user_id, 6)::bigint % {step} = 0"
        ),
    };
    // By their hashes, so that neighbours in the list are none in the table.
    raw.sessions(&format!("{condition} ORDER BY token_hash LIMIT 20000")).await
}

fn batches(batches: &[Batch]) -> Value {
    let mut took = Samples::default();
    for batch in batches {
        took.add(batch.took);
    }
    let limits = batches.iter().map(|batch| f64::from(batch.limit)).collect();
    let removed: u64 = batches.iter().map(|batch| batch.removed).sum();
    json!({"took": took.summary(), "median_limit": median(limits), "removed": removed})
}
