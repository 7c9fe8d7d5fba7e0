//! Point 10: whether `find`, a sign-in into a full cap and `list` stay as fast when the table grows.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, json};
use session_core::{Clock, Found, NewSession, SessionRef, SystemClock, Timestamp};

use crate::Arguments;
use crate::fill::{self, Fill, PER_USER};
use crate::place::{Place, Scratch};
use crate::report::{Line, Target, round, say};
use crate::samples::{Samples, median};

const CALLS: [&str; 3] = ["find", "create with a full cap", "list"];

/// A table of one size, and sessions of users that are not yet used up.
struct Table {
    rows: u64,
    scratch: Scratch,
    sessions: Vec<SessionRef>,
    /// For each round the samples of each call.
    rounds: Vec<[Samples; 3]>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let sizes: &[u64] = match (arguments.rows, arguments.quick, &arguments.database) {
        (Some(rows), _, _) => &[10_000, rows],
        (None, true, _) => &[10_000, 50_000],
        (None, false, Place::Memory) => &[10_000, 1_000_000],
        (None, false, _) => &[10_000, 1_000_000, 10_000_000],
    };
    let now = SystemClock.now();
    let mut tables = Vec::new();
    for rows in sizes {
        say!("growth: filling {rows} rows");
        tables.push(Table::fill(arguments, *rows, now).await?);
    }
    let done = measure(arguments, &mut tables, now).await;
    for table in tables {
        table.scratch.remove().await?;
    }
    done
}

async fn measure(arguments: &Arguments, tables: &mut [Table], now: Timestamp) -> Result<()> {
    // One round that nobody counts: caches, prepared statements, first pages.
    for round in 0..=arguments.rounds {
        for table in &mut *tables {
            let samples = table.measure(round, now).await?;
            if round > 0 {
                table.rounds.push(samples);
            }
        }
        say!("  round {round} of {}", arguments.rounds);
    }
    for (number, call) in CALLS.into_iter().enumerate() {
        let mut detail = Map::new();
        let of = |table: &Table, part| {
            let values = table.rounds.iter().map(|calls| calls[number].quantile(part));
            median(values.collect())
        };
        for table in &*tables {
            let all = table.rounds.iter().fold(Samples::default(), |mut all, calls| {
                all.extend(calls[number].clone());
                all
            });
            let mut summary = all.summary();
            summary["median_of_medians_ms"] = round(of(table, 0.5)).into();
            summary["median_of_p99s_ms"] = round(of(table, 0.99)).into();
            detail.insert(table.rows.to_string(), summary);
        }
        let (Some(small), Some(large)) = (tables.first(), tables.last()) else { continue };
        detail.insert(
            "note".to_owned(),
            json!(
                "one call after the other; a tree over a thousand times as many is a level deeper"
            ),
        );
        Line {
            point: "10",
            what: &format!("{call}: median at {} over that at {}", large.rows, small.rows),
            database: arguments.database.name(),
            value: of(large, 0.5) / of(small, 0.5),
            unit: "ratio",
            target: Target::AtMost(1.5),
            detail: detail.into(),
        }
        .print();
    }
    Ok(())
}

impl Table {
    async fn fill(arguments: &Arguments, rows: u64, now: Timestamp) -> Result<Self> {
        let scratch = Scratch::new(&arguments.database).await?;
        let fill = Fill::new(rows, now);
        let sessions = match arguments.database {
            Place::Memory => {
                let kept = fill::through(&*scratch.backend(), fill).await?;
                kept.into_iter().map(of_new).collect()
            }
            _ => {
                let mut raw = scratch.raw().await?;
                fill.run(&mut raw).await?;
                // The users' latest sessions, in no order: sign-ins never evict these. Spread evenly.
                let step = (rows / PER_USER / 10_000).max(1);
                let condition = match &raw {
                    crate::place::Raw::Sqlite(_) => {
                        format!("CAST(substr(user_id, 6) AS INTEGER) % {step} = 0")
                    }
                    crate::place::Raw::Postgres(_) => {
                        format!("substr(user_id, 6)::bigint % {step} = 0")
                    }
                };
                let order = format!("{condition} ORDER BY token_hash LIMIT 20000");
                let sessions = raw.sessions(&order).await?;
                raw.close().await?;
                sessions
            }
        };
        ensure!(!sessions.is_empty(), "the table is empty");
        Ok(Self { rows, scratch, sessions, rounds: Vec::new() })
    }

    async fn measure(&self, round: usize, now: Timestamp) -> Result<[Samples; 3]> {
        let backend = self.scratch.backend();
        let mut samples: [Samples; 3] = Default::default();
        for session in self.some(round, 5000) {
            let token = session.token.context("a session without a token")?;
            let began = Instant::now();
            let found = backend.find(&token, now).await?;
            samples[0].add(began.elapsed());
            // Those that a former round's sign-ins evicted have tombstones.
            let is_known = matches!(found, Some(Found::Live { .. } | Found::Ended { .. }));
            ensure!(is_known, "a session is gone: {found:?}");
        }
        for session in self.some(round, 1000) {
            let user = session.user.as_ref().context("a session without a user")?;
            let new = fill::sign_in(user.as_str(), "{}", now)?;
            let began = Instant::now();
            let created = backend.create(new, now).await?;
            samples[1].add(began.elapsed());
            ensure!(created.evicted.len() == 1, "{} were evicted", created.evicted.len());
        }
        for session in self.some(round, 2000) {
            let user = session.user.as_ref().context("a session without a user")?;
            let began = Instant::now();
            let listed = backend.list(user, now).await?;
            samples[2].add(began.elapsed());
            ensure!(listed.len() as u64 == PER_USER, "{} are listed", listed.len());
        }
        Ok(samples)
    }

    /// Other ones in every round, as far as there are.
    fn some(&self, round: usize, count: usize) -> impl Iterator<Item = &SessionRef> {
        self.sessions.iter().cycle().skip(round * count).take(count)
    }
}

fn of_new(new: NewSession) -> SessionRef {
    SessionRef { id: new.record.id, token: Some(new.token), user: new.record.user_id }
}
