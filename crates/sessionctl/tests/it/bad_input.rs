//! What cannot be done is said, with its exit code, and nothing is lost.

use session_test_servers::given;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, raw_sql};

use crate::support::{everywhere, postgres, run, sign_in, sqlite};

const ID: &str = "01JD3M0W9E6Q7P8R5T4V3X2Y1Z";

#[tokio::test]
async fn what_is_not_there() {
    for place in everywhere().await {
        let name = place.name;
        sign_in(&place.store(), "alice").await;
        for arguments in
            [&["list", "nobody"][..], &["end-user", "nobody"], &["show", ID], &["end", ID]]
        {
            let said = place.run(arguments).ended_with(3);
            assert!(said.out.is_empty() && said.err.starts_with("error: "), "{name}: {said:?}");
            let said = place.run(&[arguments, &["--json"]].concat()).ended_with(3);
            assert!(said.out.is_empty(), "{name}: {said:?}");
            let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
            assert_eq!(error["error"]["kind"], "not_found", "{name}");
        }
        place.run(&["list", "alice"]).ended_with(0);
    }
}

#[test]
fn what_makes_no_sense() {
    for (arguments, says) in [
        (&["list", "alice"][..], "SESSION_BACKEND"),
        (&["--backend", "mysql://u:hunter2@h/x", "list", "alice"], "neither sqlite: nor postgres:"),
        (&["--backend", "postgres//u:hunter2@h/x", "list", "alice"], "neither"),
        (&["--backend", "u:hunter2@h/x", "doctor"], "neither"),
        (&["--backend", "sqlite:a.db?pw=hunter2", "doctor"], "pw"),
        (&["--backend", "sqlite:a.db", "--schema", "x", "doctor"], "--schema"),
        (&["--backend", "sqlite:a.db", "list", ""], "no id of a user"),
        (&["--backend", "sqlite:a.db", "show", "hunter2"], "no id of a session"),
        (&["--backend", "sqlite:a.db", "end-all"], "--yes"),
        (&["--backend", "sqlite:a.db", "lst", "alice"], "list"),
        (&["--backend", "sqlite:a.db", "list"], "USER"),
    ] {
        let said = run(arguments);
        assert!(said.code == 2 || (said.code == 5 && says == "pw"), "{arguments:?}: {said:?}");
        assert!(said.err.contains(says) && said.out.is_empty(), "{arguments:?}: {said:?}");
        assert!(!said.err.contains("hunter2"), "{arguments:?}: {said:?}");
    }
}

/// A name with a slip in it makes no database.
#[test]
fn a_file_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slip.db");
    let url = format!("sqlite:{}", file.display());
    for command in ["stats", "doctor", "purge"] {
        let said = run(&["--backend", &url, command]).ended_with(5);
        assert!(said.err.contains("there is no SQLite database"), "{said:?}");
    }
    assert!(!file.exists());
    run(&["--backend", &url, "migrate", "--check"]).ended_with(5);
    assert!(!file.exists());
    run(&["--backend", &url, "migrate"]).ended_with(0);
    run(&["--backend", &url, "migrate", "--check"]).ended_with(0);
}

#[tokio::test]
async fn a_database_that_nobody_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("empty.db").display());
    session_sqlite::SqliteBackend::connect(&url).await.unwrap().close().await;
    let said = run(&["--backend", &url, "stats"]).ended_with(5);
    assert!(said.err.contains("migrate"), "{said:?}");
    let said = run(&["--backend", &url, "migrate", "--check"]).ended_with(1);
    assert!(said.out.contains("have not been made"), "{said:?}");
    if let Some(server) = given::postgres() {
        let schema = given::fresh_name();
        let place = ["--backend", &server, "--schema", &schema];
        let said = run(&[&place[..], &["stats"]].concat()).ended_with(5);
        assert!(said.err.contains("migrate"), "{said:?}");
        let said = run(&[&place[..], &["migrate", "--check"]].concat()).ended_with(1);
        assert!(said.out.contains("have not been made"), "{said:?}");
        run(&[&place[..], &["migrate"]].concat()).ended_with(0);
        run(&[&place[..], &["migrate", "--check"]].concat()).ended_with(0);
    }
}

#[test]
fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "not a database, but somebody's notes\n".repeat(100)).unwrap();
    let before = std::fs::read(&file).unwrap();
    let url = format!("sqlite:{}", file.display());
    for command in [&["stats"][..], &["migrate"], &["doctor"]] {
        run(&[&["--backend", url.as_str()][..], command].concat()).ended_with(5);
    }
    assert_eq!(std::fs::read(&file).unwrap(), before, "it is as it was");
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    // A port of which nobody else knows, and where nobody listens by now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ops:hunter2@127.0.0.1:{port}/shop");
    for json in [&[][..], &["--json"]] {
        let said = run(&[&["--backend", url.as_str(), "stats"][..], json].concat()).ended_with(4);
        assert!(!said.err.contains("hunter2") && said.out.is_empty(), "{said:?}");
        assert!(said.err.contains("127.0.0.1"), "{said:?}");
    }
}

#[tokio::test]
async fn a_schema_of_a_newer_release() {
    let place = sqlite().await;
    let (id, _) = sign_in(&place.store(), "alice").await;
    let file = place.url.strip_prefix("sqlite:").unwrap();
    let mut connection = SqliteConnection::connect(file).await.unwrap();
    let newer = "INSERT INTO web_sessions_migrations \
                 (version, description, success, checksum, execution_time) VALUES (999, 'x', TRUE, x'00', 0)";
    raw_sql(newer).execute(&mut connection).await.unwrap();
    let said = place.run(&["migrate", "--check"]).ended_with(1);
    assert!(said.out.contains("newer release"), "{said:?}");
    let said = place.run(&["migrate"]).ended_with(5);
    assert!(said.err.contains("newer release"), "{said:?}");
    place.run(&["doctor"]).ended_with(1);
    // Nothing is lost.
    place.run(&["show", &id]).ended_with(0);
}

#[tokio::test]
async fn a_newer_release_in_the_middle_of_a_roll_out() {
    if !given::has_postgres() {
        return;
    }
    let place = postgres().await;
    let (id, _) = sign_in(&place.store(), "alice").await;
    let schema = place.schema.as_deref().unwrap();
    let mut connection = PgConnection::connect(&place.url).await.unwrap();
    let newer = format!(
        "INSERT INTO {schema}.web_sessions_migrations \
         (version, description, success, checksum, execution_time) VALUES (999, 'x', true, '\\x00', 0)"
    );
    raw_sql(AssertSqlSafe(newer)).execute(&mut connection).await.unwrap();
    // There the former release goes on beside it, and says so.
    let said = place.run(&["migrate", "--check"]).ended_with(0);
    assert!(said.out.contains("newer release"), "{said:?}");
    place.run(&["migrate"]).ended_with(0);
    place.run(&["show", &id]).ended_with(0);
}

#[tokio::test]
async fn a_role_without_rights() {
    if !given::has_postgres() {
        return;
    }
    let mut place = postgres().await;
    let (id, _) = sign_in(&place.store(), "alice").await;
    let schema = place.schema.clone().unwrap();
    let role = format!("role_{schema}").chars().take(60).collect::<String>();
    let mut connection = PgConnection::connect(&place.url).await.unwrap();
    let mut administer = async |sql: &str| {
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    };
    administer(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")).await;
    let administrators = place.url.clone();
    let (_, after) = administrators.split_once('@').unwrap();
    place.url = format!("postgres://{role}:hunter2@{after}");

    for arguments in
        [&["stats"][..], &["list", "alice"], &["end", &id], &["end-all", "--yes"], &["migrate"]]
    {
        let said = place.run(arguments).ended_with(5);
        assert!(said.out.is_empty() && !said.err.contains("hunter2"), "{said:?}");
    }
    let said = place.run(&["doctor"]).ended_with(1);
    assert!(said.out.contains("GRANT"), "{said:?}");

    // A role that only looks: what it may not do is said, and nothing happens.
    administer(&format!("GRANT USAGE ON SCHEMA {schema} TO {role}")).await;
    administer(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")).await;
    place.run(&["show", &id]).ended_with(0);
    place.run(&["end", &id]).ended_with(5);
    place.run(&["show", &id]).ended_with(0);
    let said = place.run(&["doctor"]).ended_with(1);
    assert!(said.out.contains("INSERT, UPDATE and DELETE"), "{said:?}");
    administer(&format!("DROP OWNED BY {role}")).await;
    administer(&format!("DROP ROLE {role}")).await;
}
