//! What each column of a session, and each condition of a write, costs on SQLite: statements of the driver
//! counted by callgrind, each with a little more in it than the one before.
//!
//! ```text
//! cargo run --release -p session-sqlite --example columns
//! ```
//!
//! It needs valgrind, and prints the two tables of docs/decisions.md.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use session_sqlite::SqliteBackend;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// How often a statement runs: the difference of two counts is that of the statements alone.
const RUNS: [u64; 2] = [200, 1_200];

/// A statement, by what it has that the one before has not.
struct Case {
    what: &'static str,
    /// ?1 is the token, ?2 now, ?3 the id, ?4 a value.
    sql: &'static str,
}

const READS: [Case; 9] = [
    Case {
        what: "by hand: who, the data, until when",
        sql: "SELECT user_id, data, expires_at FROM web_sessions \
              WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "the same three as one column",
        sql: "SELECT concat(expires_at, ',', octet_length(user_id), ',', user_id, data) \
              FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "the id and the version: `compare_and_set`, devices that are ended one by one",
        sql: "SELECT concat(id, ',', version, ',', expires_at, ',', octet_length(user_id), ',', \
              user_id, data) FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "the fingerprint: `refused_token_makes_no_session`",
        sql: "SELECT concat(id, ',', version, ',', expires_at, ',', octet_length(user_id), ',', \
              octet_length(fingerprint), ',', user_id, fingerprint, data) \
              FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "agent, name and kind of the device: no agent is parsed that has not changed",
        sql: "SELECT concat(id, ',', device_type, ',', version, ',', expires_at, ',', \
              octet_length(user_id), ',', octet_length(user_agent), ',', octet_length(device_name), ',', \
              octet_length(fingerprint), ',', user_id, user_agent, device_name, fingerprint, data) \
              FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "both addresses: the list of devices",
        sql: "SELECT concat(id, ',', ip_address, ',', last_ip_address, ',', device_type, ',', version, ',', \
              expires_at, ',', octet_length(user_id), ',', octet_length(user_agent), ',', \
              octet_length(device_name), ',', octet_length(fingerprint), ',', user_id, user_agent, \
              device_name, fingerprint, data) \
              FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "when it was made, signed in and used: `touch_is_monotonic`, `RequireFresh`",
        sql: "SELECT concat(id, ',', ip_address, ',', last_ip_address, ',', device_type, ',', version, ',', \
              created_at, ',', authenticated_at, ',', last_active_at, ',', expires_at, ',', \
              octet_length(user_id), ',', octet_length(user_agent), ',', octet_length(device_name), ',', \
              octet_length(fingerprint), ',', user_id, user_agent, device_name, fingerprint, data) \
              FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "a lifetime of its own and the fixed end: `lifetime_is_kept`",
        sql: "SELECT concat(id, ',', ip_address, ',', last_ip_address, ',', device_type, ',', version, ',', \
              idle_ttl_secs, ',', cookie_persistent, ',', created_at, ',', authenticated_at, ',', \
              last_active_at, ',', expires_at, ',', absolute_expires_at, ',', not_after, ',', \
              octet_length(user_id), ',', octet_length(user_agent), ',', octet_length(device_name), ',', \
              octet_length(fingerprint), ',', user_id, user_agent, device_name, fingerprint, data) \
              FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "whether the token was sent, and who acts in the user's place: `late_response_never_clobbers`, \
               `impersonation_takes_no_place`",
        sql: "SELECT concat(id, ',', token_seen, ',', ip_address, ',', last_ip_address, ',', device_type, \
              ',', version, ',', idle_ttl_secs, ',', cookie_persistent, ',', created_at, ',', \
              authenticated_at, ',', last_active_at, ',', expires_at, ',', absolute_expires_at, ',', \
              not_after, ',', octet_length(user_id), ',', octet_length(user_agent), ',', \
              octet_length(device_name), ',', octet_length(fingerprint), ',', octet_length(impersonator), \
              ',', user_id, user_agent, device_name, fingerprint, impersonator, data) \
              FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2",
    },
];

const WRITES: [Case; 7] = [
    Case {
        what: "by hand: the data, put in the place of the old",
        sql: "UPDATE web_sessions SET data = '{\"n\":' || ?4 || ',\"visits\":3}' \
              WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "one key of it: `patches_commute`",
        sql: "UPDATE web_sessions SET data = json_set(data, '$.n', json(?4)) \
              WHERE token_hash = ?1 AND expires_at > ?2",
    },
    Case {
        what: "by the id, if the token is good: `ended_session_has_no_power`",
        sql: "UPDATE web_sessions SET data = json_set(data, '$.n', json(?4)) \
              WHERE id = ?3 AND expires_at > ?2 AND (token_hash = ?1 OR EXISTS (\
              SELECT 1 FROM web_session_tombstones AS t WHERE t.token_hash = ?1 AND t.session_id = ?3 \
              AND t.grace_until > ?2))",
    },
    Case {
        what: "the version: `compare_and_set`",
        sql: "UPDATE web_sessions SET version = version + 1, data = json_set(data, '$.n', json(?4)) \
              WHERE id = ?3 AND expires_at > ?2 AND (token_hash = ?1 OR EXISTS (\
              SELECT 1 FROM web_session_tombstones AS t WHERE t.token_hash = ?1 AND t.session_id = ?3 \
              AND t.grace_until > ?2))",
    },
    Case {
        what: "the size: `size_is_bounded`",
        sql: "UPDATE web_sessions SET version = version + 1, data = json_set(data, '$.n', json(?4)) \
              WHERE id = ?3 AND expires_at > ?2 AND octet_length(data) <= 60000 AND (token_hash = ?1 \
              OR EXISTS (SELECT 1 FROM web_session_tombstones AS t WHERE t.token_hash = ?1 \
              AND t.session_id = ?3 AND t.grace_until > ?2))",
    },
    Case {
        what: "the version and the end as they are now, in the same step: `RETURNING`",
        sql: "UPDATE web_sessions SET version = version + 1, data = json_set(data, '$.n', json(?4)) \
              WHERE id = ?3 AND expires_at > ?2 AND octet_length(data) <= 60000 AND (token_hash = ?1 \
              OR EXISTS (SELECT 1 FROM web_session_tombstones AS t WHERE t.token_hash = ?1 \
              AND t.session_id = ?3 AND t.grace_until > ?2)) RETURNING version, expires_at",
    },
    Case {
        what: "a token in grace and a lifetime of its own, in that answer: `rotation_has_grace`, \
               `lifetime_is_kept`",
        sql: "UPDATE web_sessions SET version = version + 1, data = json_set(data, '$.n', json(?4)) \
              WHERE id = ?3 AND expires_at > ?2 AND octet_length(data) <= 60000 AND (token_hash = ?1 \
              OR EXISTS (SELECT 1 FROM web_session_tombstones AS t WHERE t.token_hash = ?1 \
              AND t.session_id = ?3 AND t.grace_until > ?2)) RETURNING version, \
              CASE WHEN token_hash IS ?1 AND coalesce(idle_ttl_secs, cookie_persistent, not_after) IS NULL \
              THEN expires_at ELSE json_array(expires_at, token_hash IS ?1, idle_ttl_secs, \
              cookie_persistent, not_after) END",
    },
];

const ID: &str = "01JDQ2V7Z8M4X6C3B5N1K9H0TR";
const TOKEN: [u8; 32] = [7; 32];
const NOW: i64 = 1_800_000_000_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [file, place, runs] = &arguments[..] {
        return run(file, place.parse()?, runs.parse()?).await;
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sessions.db");
    make(&file).await?;
    let cases = READS.iter().chain(&WRITES).enumerate();
    let mut floor = 0;
    let mut before = 0;
    for (place, case) in cases {
        if place == 0 || place == READS.len() {
            let what = if place == 0 { "read" } else { "write" };
            println!(
                "\n| A {what}, and what it has more than the line before | Instructions | More | Times the first |"
            );
            println!("| --- | ---: | ---: | ---: |");
            (floor, before) = (0, 0);
        }
        let count = count(&file, place)?;
        if floor == 0 {
            (floor, before) = (count, count);
        }
        let more = i64::try_from(count)? - i64::try_from(before)?;
        // Thousandths, without a float.
        let times = count * 100 / floor.max(1);
        println!("| {} | {count} | {more:+} | {}.{:02} |", case.what, times / 100, times % 100);
        before = count;
    }
    Ok(())
}

/// A database with one session in it, as a browser's sign-in makes it.
async fn make(file: &Path) -> Done {
    let backend = SqliteBackend::connect(file.to_str().ok_or("a path in UTF-8")?).await?;
    backend.migrate().await?;
    let mut connection = open(file).await?;
    sqlx::query(
        "INSERT INTO web_sessions (id, token_hash, token_seen, user_id, ip_address, last_ip_address, \
         user_agent, device_name, device_type, fingerprint, data, version, created_at, authenticated_at, \
         last_active_at, expires_at, purge_after) VALUES (?3, ?1, 1, 'alice', '203.0.113.7', '203.0.113.7', \
         'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'Firefox on Linux', \
         'desktop', ?1, '{\"n\":1,\"visits\":3}', 1, ?2, ?2, ?2, ?2 + 86400000000, ?2 + 86400000000)",
    )
    .bind(&TOKEN[..])
    .bind(NOW)
    .bind(ID)
    .execute(&mut connection)
    .await?;
    Ok(connection.close().await?)
}

async fn open(file: &Path) -> Done<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(file);
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Runs one statement so many times: what is counted. Writes are one transaction, so that no disk is waited for.
async fn run(file: &str, place: usize, runs: u64) -> Done {
    let case = READS.iter().chain(&WRITES).nth(place).ok_or("no such case")?;
    let mut connection = open(Path::new(file)).await?;
    let mut transaction = connection.begin().await?;
    for number in 0..runs {
        let query =
            sqlx::query(case.sql).bind(&TOKEN[..]).bind(NOW).bind(ID).bind(number.to_string());
        let row = query.fetch_optional(&mut *transaction).await?;
        if let Some(row) = row {
            for column in 0..row.len() {
                std::hint::black_box(row.try_get_raw(column)?);
            }
        }
    }
    transaction.rollback().await?;
    Ok(())
}

/// Instructions of one run of the statement.
fn count(file: &Path, place: usize) -> Done<u64> {
    let [few, many] = RUNS.map(|runs| instructions(file, place, runs));
    Ok((many? - few?) / (RUNS[1] - RUNS[0]))
}

fn instructions(file: &Path, place: usize, runs: u64) -> Done<u64> {
    let said = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .arg(file)
        .args([place.to_string(), runs.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&said.stderr);
    let total = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, total) = total.ok_or_else(|| format!("valgrind says: {said}"))?;
    Ok(total.trim().parse()?)
}
