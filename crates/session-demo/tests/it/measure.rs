//! The scripts in `docs/measure`, which the figures in `docs/operating.md` come from, fit the schemas and
//! do what they say. They are run in thousandths: whether, and not how fast.

use session_postgres::PostgresBackend;
use session_sqlite::SqliteBackend;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, query_scalar, raw_sql};

const POSTGRES: &str = include_str!("../../../../docs/measure/postgres.sql");
const SQLITE: &str = include_str!("../../../../docs/measure/sqlite.sql");

/// What begins with `from` and ends with the first `to`, in thousandths.
fn part(script: &str, from: &str, to: &str) -> String {
    let (_, rest) = script.split_once(from).unwrap_or_else(|| panic!("no {from}"));
    let (body, _) = rest.split_once(to).unwrap_or_else(|| panic!("no {to} after {from}"));
    in_thousandths(&format!("{from}{body}{to}"))
}

/// 100000 is 100 then, and 70001 is 71. Longer numbers are times.
fn in_thousandths(sql: &str) -> String {
    let mut scaled = String::new();
    for piece in sql.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = piece.trim_end_matches(|c: char| !c.is_ascii_digit());
        match digits.parse::<u64>() {
            Ok(number @ 1000..1_000_000) => {
                scaled += &(number / 1000 + number % 1000).to_string();
            }
            _ => scaled += digits,
        }
        scaled += &piece[digits.len()..];
    }
    scaled
}

#[test]
fn thousandths() {
    let sql = "70001..80000, LIMIT 1000, '262', 1800000600000000, $$;\n";
    assert_eq!(in_thousandths(sql), "71..80, LIMIT 1, '262', 1800000600000000, $$;\n");
}

#[tokio::test]
async fn the_measures_fit_postgres() {
    let Some(url) = crate::postgres::fresh().await else { return };
    let backend = PostgresBackend::connect(&url).await.unwrap();
    backend.migrate().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for (from, to) in [
        ("INSERT INTO web_sessions", ";\n"),
        ("CREATE TEMP TABLE measured", ";\n"),
        ("DO $$", "$$;\n"),
        ("SELECT what", ";\n"),
        ("SELECT 'bytes per tombstone", ";\n"),
    ] {
        let script = POSTGRES.replace(":rows", "100000");
        let done = raw_sql(AssertSqlSafe(part(&script, from, to))).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{error}\n{from}"));
    }
    for (what, count, sql) in [
        ("measured", 6, "SELECT count(DISTINCT what) FROM measured"),
        // A seventh of fifty was renewed.
        ("left", 100 - 43 - 10, "SELECT count(*) FROM web_sessions"),
        ("touched", 20, "SELECT count(*) FROM web_sessions WHERE last_ip_address = '203.0.113.8'"),
        ("never seen", 0, "SELECT count(*) FROM web_sessions WHERE NOT token_seen"),
        ("signed out", 10, "SELECT count(*) FROM web_session_tombstones"),
    ] {
        let found: i64 = query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, count, "{what}");
    }
    backend.close().await;
}

#[tokio::test]
async fn the_measures_fit_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let backend = SqliteBackend::connect(&url).await.unwrap();
    backend.migrate().await.unwrap();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    for (from, to) in [("CREATE TEMP TABLE numbers", ";\n"), ("INSERT INTO web_sessions", ";\n")] {
        let done = raw_sql(AssertSqlSafe(part(SQLITE, from, to))).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{error}\n{from}"));
    }
    // These write the statements that are measured.
    for (from, to) in [
        ("SELECT printf('UPDATE web_sessions", "70000;\n"),
        ("SELECT 'BEGIN IMMEDIATE;", "n <= 50;\n"),
    ] {
        let written: Vec<String> = query_scalar(AssertSqlSafe(part(SQLITE, from, to)))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for statement in written {
            let done = raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
            done.unwrap_or_else(|error| panic!("{error}\n{from}"));
        }
    }
    let buried = part(SQLITE, "INSERT INTO web_session_tombstones", ";\n");
    raw_sql(AssertSqlSafe(buried)).execute(&mut connection).await.unwrap();
    for (what, count, sql) in [
        ("left", 100 - 43, "SELECT count(*) FROM web_sessions"),
        ("touched", 10, "SELECT count(*) FROM web_sessions WHERE last_ip_address = '203.0.113.8'"),
        ("ended", 10, "SELECT count(*) FROM web_session_tombstones"),
    ] {
        let found: i64 = query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, count, "{what}");
    }
    connection.close().await.unwrap();
    backend.close().await;
}
