//! Point 9: how many bytes a session takes, on disk and in memory, and what peers' tables take.

use anyhow::{Context, Result};
use serde_json::json;
use session_core::{Clock, SystemClock};

use crate::Arguments;
use crate::fill::{self, AGENT, DATA, Fill};
use crate::peers;
use crate::place::{Place, Raw, Scratch};
use crate::report::{Line, Target, round, say};

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    for (name, data) in [("no data", "{}"), ("200 bytes of data", DATA)] {
        say!("size: {} sessions with {name}", arguments.rows());
        let fill = Fill { data, ..Fill::new(arguments.rows(), SystemClock.now()) };
        match arguments.database {
            Place::Memory => in_memory(name, fill).await?,
            _ => on_disk(arguments, name, fill).await?,
        }
    }
    Ok(())
}

async fn on_disk(arguments: &Arguments, name: &str, fill: Fill) -> Result<()> {
    let scratch = Scratch::new(&arguments.database).await?;
    let mut raw = scratch.raw().await?;
    fill.run(&mut raw).await?;
    let sizes = relations(&mut raw).await?;
    raw.close().await?;
    scratch.remove().await?;

    let per = |bytes: i64| round(bytes as f64 / fill.rows as f64);
    let all: i64 = sizes.iter().map(|(_, bytes)| bytes).sum();
    let parts: serde_json::Map<_, _> =
        sizes.iter().map(|(name, bytes)| (name.clone(), per(*bytes).into())).collect();
    let peers = peers::sizes(&arguments.database, fill, relations).await?;
    Line {
        point: "9",
        what: &format!("bytes per session on disk, {name}"),
        database: arguments.database.name(),
        value: per(all),
        unit: "bytes",
        target: Target::Stated,
        detail: json!({
            "rows": fill.rows,
            "parts": parts,
            "user_agent_bytes": AGENT.len(),
            "user_id_bytes": "user-0000000".len(),
            "peers": peers,
            "peers_note": "their published schemas, filled for this with the same content",
        }),
    }
    .print();
    Ok(())
}

/// Every table and index that holds sessions, with its bytes.
pub(crate) async fn relations(raw: &mut Raw) -> Result<Vec<(String, i64)>> {
    let text = match raw {
        Raw::Sqlite(_) => {
            "SELECT name, sum(pgsize) FROM dbstat WHERE name NOT LIKE '%migrations%' \
             AND name <> 'sqlite_schema' AND name NOT LIKE '%tombstones%' GROUP BY name"
        }
        Raw::Postgres(_) => {
            "SELECT c.relname::text, pg_relation_size(c.oid) FROM pg_class AS c \
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'i') \
             AND c.relname NOT LIKE '%migrations%' AND c.relname NOT LIKE '%tombstones%'"
        }
    };
    raw.table(text).await
}

async fn in_memory(name: &str, fill: Fill) -> Result<()> {
    let scratch = Scratch::new(&Place::Memory).await?;
    let before = on_heap();
    drop(fill::through(&*scratch.backend(), fill).await?);
    let bytes = on_heap().checked_sub(before).context("the heap shrank")?;
    Line {
        point: "9",
        what: &format!("bytes per session in memory, {name}"),
        database: "memory",
        value: bytes as f64 / fill.rows as f64,
        unit: "bytes",
        target: Target::Stated,
        detail: json!({
            "rows": fill.rows,
            "users": fill.rows / fill::PER_USER,
            "size_of_the_record": size_of::<session_core::SessionData>(),
            "note": "what was asked of the allocator, counted by it; its own overhead is not",
        }),
    }
    .print();
    scratch.remove().await
}

fn on_heap() -> usize {
    let stats = crate::HEAP.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}
