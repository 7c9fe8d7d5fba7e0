//! What others' tables take for the same sessions: their published schemas, filled here with the
//! same logical content. None of their code runs.
//!
//! - tower-sessions (its sqlx stores): `id` text, `data` a record in MessagePack, `expiry_date`.
//! - axum_session: `id` varchar(128), `expires` integer, `session` JSON as text, in which every
//!   value is JSON as text once more.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::fill::{AGENT, Fill};
use crate::place::{Place, Raw, Scratch};
use crate::report::round;

/// Bytes per session of each peer: with the user's id and the data only, which is what they keep by
/// themselves; and with everything that a device list and a fingerprint need besides.
pub(crate) async fn sizes(
    place: &Place,
    fill: Fill,
    relations: impl AsyncFn(&mut Raw) -> Result<Vec<(String, i64)>>,
) -> Result<Value> {
    let mut all = Map::new();
    for (content, map) in [("user and data", least(fill)?), ("the same content", same(fill)?)] {
        for peer in ["tower-sessions", "axum_session"] {
            let scratch = Scratch::new(place).await?;
            let mut raw = scratch.raw().await?;
            // Only the peer's own table is counted.
            raw.execute("DROP TABLE web_sessions").await?;
            let sqlite = matches!(raw, Raw::Sqlite(_));
            let (create, insert) = match peer {
                "tower-sessions" => tower_sessions(sqlite, &map, fill)?,
                _ => axum_session(sqlite, &map, fill),
            };
            raw.execute(&create).await?;
            raw.execute(&insert).await?;
            raw.execute(if sqlite { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "VACUUM peer" })
                .await?;
            let bytes: i64 = relations(&mut raw).await?.iter().map(|(_, bytes)| bytes).sum();
            raw.close().await?;
            scratch.remove().await?;
            all.insert(format!("{peer}, {content}"), round(bytes as f64 / fill.rows as f64).into());
        }
    }
    Ok(all.into())
}

fn least(fill: Fill) -> Result<Map<String, Value>> {
    let mut map: Map<String, Value> = serde_json::from_str(fill.data)?;
    map.insert("user_id".to_owned(), "user-0000000".into());
    Ok(map)
}

fn same(fill: Fill) -> Result<Map<String, Value>> {
    let mut map = least(fill)?;
    let at = fill.now.as_micros();
    let more = json!({
        "ip_address": "203.0.113.57",
        "last_ip_address": "203.0.113.57",
        "user_agent": AGENT,
        "device_name": "Chrome on Windows",
        "device_type": "desktop",
        "fingerprint": "0".repeat(66),
        "created_at": at,
        "authenticated_at": at,
        "last_active_at": at,
    });
    map.extend(more.as_object().cloned().unwrap_or_default());
    Ok(map)
}

fn numbers(sqlite: bool, rows: u64) -> String {
    match sqlite {
        true => format!(
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT i FROM n)"
        ),
        false => format!("generate_series(1, {rows}) AS g(i)"),
    }
}

/// `rmp_serde::to_vec` of the record: its 128-bit id, its map, and a moment in nine numbers.
fn tower_sessions(sqlite: bool, map: &Map<String, Value>, fill: Fill) -> Result<(String, String)> {
    let moment = (2026, 356, 10, 20, 30, 123_456_789, 0, 0, 0);
    let record = rmp_serde::to_vec(&(i128::MAX, map, moment))?;
    let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
    let source = numbers(sqlite, fill.rows);
    Ok(match sqlite {
        true => (
            "CREATE TABLE peer (id TEXT PRIMARY KEY NOT NULL, data BLOB NOT NULL, \
             expiry_date INTEGER NOT NULL)"
                .to_owned(),
            format!(
                "INSERT INTO peer SELECT substr(hex(randomblob(11)), 1, 22), x'{hex}', 1795305600 \
                 FROM {source}"
            ),
        ),
        false => (
            "CREATE TABLE peer (id text PRIMARY KEY NOT NULL, data bytea NOT NULL, \
             expiry_date timestamptz NOT NULL)"
                .to_owned(),
            format!(
                "INSERT INTO peer SELECT substr(encode(sha256(int8send(i)), 'hex'), 1, 22), \
                 '\\x{hex}', now() FROM {source}"
            ),
        ),
    })
}

fn axum_session(sqlite: bool, map: &Map<String, Value>, fill: Fill) -> (String, String) {
    let texts: Map<String, Value> =
        map.iter().map(|(key, value)| (key.clone(), value.to_string().into())).collect();
    let session = json!({"data": texts, "longterm": false}).to_string().replace('\'', "''");
    let source = numbers(sqlite, fill.rows);
    let create = "CREATE TABLE peer (id VARCHAR(128) NOT NULL PRIMARY KEY, expires INTEGER NULL, \
                  session TEXT NOT NULL)";
    let id = match sqlite {
        true => {
            "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || \
                 hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6)))"
        }
        false => "gen_random_uuid()::text",
    };
    let insert = format!("INSERT INTO peer SELECT {id}, 1795305600, '{session}' FROM {source}");
    (create.to_owned(), insert)
}
