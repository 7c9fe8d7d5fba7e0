//! Each SQLSTATE of the table in `docs/operating.md` that ends a connection or moves a statement to another
//! one: brought about on a real server, with what became of the statement.

use std::num::NonZeroU32;
use std::process::Command;
use std::time::Duration;

use session_core::{BackendError, BackendErrorKind, Found, SessionBackend, SessionRef};
use session_postgres::PostgresBackend;
use session_test_servers::{PgBouncer, Pooled, Pooling, Postgres, given};
use sqlx::{AssertSqlSafe, Connection, PgConnection, query_scalar, raw_sql};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::failover::address;
use super::support::{NOW, Place, chain, live, record, set, stored, until};

/// One test on a server of its own, whose log has a code in front of each line.
macro_rules! with_own_server {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident: Postgres) $body:block)+) => {
        $(
            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                #[allow(unused_mut, reason = "not everybody ends it")]
                let Some(mut $server) = given::own_postgres() else { return };
                set_up(&$server.url, "log_line_prefix = '%e %a '").await;
                $body
            }
        )+
    };
}

/// A backend with a session, in a schema that also names its connections.
struct Tested {
    place: Place,
    backend: PostgresBackend,
    session: SessionRef,
}

/// As long as a test may take: nothing is to end by itself.
const PATIENCE: Duration = Duration::from_secs(60);

impl Tested {
    async fn at(url: &str) -> Self {
        let place = Place { url: url.to_owned(), schema: given::fresh_name() };
        let backend = connect(&place, url).await;
        backend.migrate().await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let session = stored(&backend, record()).await;
        Self { place, backend, session }
    }

    /// A connection that keeps everybody else from the sessions until it says COMMIT.
    async fn locked(&self) -> PgConnection {
        let mut holder = self.place.connection().await;
        raw_sql("BEGIN; LOCK TABLE web_sessions").execute(&mut holder).await.unwrap();
        holder
    }

    fn read(&self) -> JoinSet<Result<Option<Found>, BackendError>> {
        let (backend, token) = (self.backend.clone(), self.session.token.unwrap());
        JoinSet::from_iter([async move { backend.find(&token, NOW).await }])
    }

    fn write(&self) -> JoinSet<Result<(), BackendError>> {
        let (backend, session) = (self.backend.clone(), self.session.clone());
        JoinSet::from_iter([
            async move { backend.update(&session, &set("k", 1), NOW).await.map(drop) },
        ])
    }

    /// The processes that serve statements of the backend which wait for a lock, as soon as there are so many.
    async fn waiting(&self, count: usize) -> Vec<i32> {
        until("statements that wait", || async {
            let mut admin = PgConnection::connect(&self.place.url).await.unwrap();
            let text = "SELECT pid FROM pg_stat_activity \
                        WHERE application_name = $1 AND wait_event_type = 'Lock'";
            let found = query_scalar(text).bind(self.place.schema.clone());
            let found: Vec<i32> = found.fetch_all(&mut admin).await.unwrap();
            (found.len() == count).then_some(found)
        })
        .await
    }

    /// That the change which failed has not happened, and was not sent again; and that the next one happens.
    async fn check_unchanged_and_well(&self) {
        let token = self.session.token.unwrap();
        assert_eq!(live(&self.backend, &token).await.data.to_json(), "{}");
        self.change().await;
    }

    async fn change(&self) {
        let done = self.backend.update(&self.session, &set("k", 1), NOW).await;
        done.unwrap_or_else(|error| panic!("{}", chain(&error)));
    }

    /// Waits until the server has logged it of connections of the backend, so many times: code and severity.
    async fn logged(&self, server: &Postgres, (state, severity): (&str, &str), times: usize) {
        let line = format!("{state} {} {severity}: ", self.place.schema);
        until(&line, || async { (log(server).matches(&line).count() == times).then_some(()) })
            .await;
    }
}

async fn connect(place: &Place, url: &str) -> PostgresBackend {
    let config = place.config_at(url).max_connections(NonZeroU32::new(4).unwrap());
    let config = config.statement_timeout(PATIENCE).lock_timeout(PATIENCE);
    let backend = PostgresBackend::connect_with(config.acquire_timeout(PATIENCE)).await;
    backend.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

async fn set_up(url: &str, setting: &str) {
    let mut admin = PgConnection::connect(url).await.unwrap();
    let text = AssertSqlSafe(format!("ALTER SYSTEM SET {setting}"));
    raw_sql(text).execute(&mut admin).await.unwrap();
    raw_sql("SELECT pg_reload_conf()").execute(&mut admin).await.unwrap();
}

fn log(server: &Postgres) -> String {
    std::fs::read_to_string(server.folder.join("log")).unwrap()
}

fn check(error: &BackendError, says: &str) {
    assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{}", chain(error));
    assert!(chain(error).contains(says), "{says}: {}", chain(error));
}

with_own_server! {
    /// 57P01: `pg_terminate_backend`, in the middle of a read and of a change.
    async fn an_ended_connection_57p01(server: Postgres) {
        let tested = Tested::at(&server.url).await;
        let mut holder = tested.locked().await;
        let (read, write) = (tested.read(), tested.write());
        for process in tested.waiting(2).await {
            let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(process);
            end.execute(&mut holder).await.unwrap();
        }
        check(&answer(write).await.unwrap_err(), "(SQLSTATE 57P01)");
        // The read alone is there again.
        tested.waiting(1).await;
        raw_sql("COMMIT").execute(&mut holder).await.unwrap();
        assert!(matches!(answer(read).await, Ok(Some(Found::Live { .. }))));
        tested.logged(&server, ("57P01", "FATAL"), 2).await;
        tested.check_unchanged_and_well().await;
    }

    /// 57P02: another process of the server dies. It is a warning to each client, after which its connection is
    /// no more; the error is that of the broken socket.
    async fn a_crash_of_another_process_57p02(server: Postgres) {
        let tested = Tested::at(&server.url).await;
        let mut holder = tested.locked().await;
        let told = JoinSet::from_iter([what_a_client_is_told(address(&server))]);
        let write = tested.write();
        tested.waiting(1).await;
        until("a client that waits", || async {
            let mut admin = PgConnection::connect(&server.url).await.unwrap();
            let count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            let count: i64 = query_scalar(count).fetch_one(&mut admin).await.unwrap();
            (count == 1).then_some(())
        })
        .await;
        let victim = query_scalar("SELECT pg_backend_pid()").fetch_one(&mut holder).await;
        let victim: i32 = victim.unwrap();
        let killed = Command::new("kill").args(["-KILL", &victim.to_string()]).status();
        assert!(killed.unwrap().success());
        check(&answer(write).await.unwrap_err(), "the connection to PostgreSQL failed");
        assert!(answer(told).await.contains("C57P02\0"));
        let backend = &tested.backend;
        until("a server that has recovered", || async move { backend.ping().await.ok() }).await;
        tested.check_unchanged_and_well().await;
    }

    /// 57P03: a server that takes no connection yet, here a standby that never does. Nothing was sent.
    async fn a_server_that_takes_no_connections_57p03(server: Postgres) {
        set_up(&server.url, "hot_standby = off").await;
        let closed = server.standby().unwrap();
        let tested = Tested::at(&server.url).await;
        let (proxy, url) = tested.place.proxy().await;
        let tested = Tested { backend: connect(&tested.place, &url).await, ..tested };
        live(&tested.backend, &tested.session.token.unwrap()).await;
        proxy.lead_to(address(&closed));
        proxy.restart();
        check(&answer(tested.read()).await.unwrap_err(), "(SQLSTATE 57P03)");
        check(&answer(tested.write()).await.unwrap_err(), "(SQLSTATE 57P03)");
        proxy.lead_to(address(&server));
        tested.check_unchanged_and_well().await;
    }

    /// 57P04: a standby learns that the database was dropped, and ends the connections to it. A read is sent
    /// again; what it finds is that there is no such database.
    async fn a_database_that_is_dropped_57p04(server: Postgres) {
        let name = given::fresh_name();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        let mut admin = PgConnection::connect(&server.url).await.unwrap();
        raw_sql(create).execute(&mut admin).await.unwrap();
        let tested = Tested::at(&in_database(&server, &name)).await;
        let standby = server.standby().unwrap();
        let backend = connect(&tested.place, &in_database(&standby, &name)).await;
        let follower = Tested { backend, ..tested };
        live(&follower.backend, &follower.session.token.unwrap()).await;
        let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
        raw_sql(drop).execute(&mut admin).await.unwrap();
        follower.logged(&standby, ("57P04", "FATAL"), 1).await;
        // Until then it is "invalid" (55000).
        until("the end of the database", || async {
            let mut admin = PgConnection::connect(&standby.url).await.unwrap();
            let count = query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1");
            let count: i64 = count.bind(name.clone()).fetch_one(&mut admin).await.unwrap();
            (count == 0).then_some(())
        })
        .await;
        for error in [
            answer(follower.read()).await.unwrap_err(),
            answer(follower.write()).await.unwrap_err(),
        ] {
            assert!(chain(&error).contains("(SQLSTATE 3D000)"), "{}", chain(&error));
        }
    }

    /// The same on the primary is 57P01.
    async fn a_database_that_is_dropped_by_force_57p01(server: Postgres) {
        let name = given::fresh_name();
        let mut admin = PgConnection::connect(&server.url).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        raw_sql(create).execute(&mut admin).await.unwrap();
        let tested = Tested::at(&in_database(&server, &name)).await;
        let _holder = tested.locked().await;
        let write = tested.write();
        tested.waiting(1).await;
        let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
        raw_sql(drop).execute(&mut admin).await.unwrap();
        check(&answer(write).await.unwrap_err(), "(SQLSTATE 57P01)");
    }

    /// 57P05: `idle_session_timeout`, before a read and before a change. Neither fails.
    async fn an_idle_connection_57p05(server: Postgres) {
        set_up(&server.url, "idle_session_timeout = '100ms'").await;
        let tested = Tested::at(&server.url).await;
        tested.logged(&server, ("57P05", "FATAL"), 1).await;
        live(&tested.backend, &tested.session.token.unwrap()).await;
        tested.logged(&server, ("57P05", "FATAL"), 2).await;
        tested.change().await;
    }

    /// 25006: a standby that is read, and is asked for a change. Every connection that it had is closed.
    async fn a_change_on_a_standby_25006(server: Postgres) {
        let tested = Tested::at(&server.url).await;
        let standby = server.standby().unwrap();
        let follower = Tested { backend: connect(&tested.place, &standby.url).await, ..tested };
        live(&follower.backend, &follower.session.token.unwrap()).await;
        check(&answer(follower.write()).await.unwrap_err(), "(SQLSTATE 25006)");
        // Four times, each on a connection of its own, none of which is kept.
        follower.logged(&standby, ("25006", "ERROR"), 4).await;
        until("the end of its connections", || async {
            let mut admin = PgConnection::connect(&standby.url).await.unwrap();
            let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
            let count = query_scalar::<_, i64>(text).bind(follower.place.schema.clone());
            (count.fetch_one(&mut admin).await.unwrap() == 0).then_some(())
        })
        .await;
        live(&follower.backend, &follower.session.token.unwrap()).await;
    }

    /// 08P01: a pooler whose server is gone in the middle of a change.
    async fn a_pooler_without_its_server_08p01(server: Postgres) {
        let Some(program) = given::pgbouncer() else { return };
        let tested = Tested::at(&server.url).await;
        let minute = PATIENCE.as_millis();
        let role = format!(
            "ALTER ROLE postgres SET statement_timeout = {minute}; \
             ALTER ROLE postgres SET lock_timeout = {minute}"
        );
        let mut admin = PgConnection::connect(&server.url).await.unwrap();
        raw_sql(AssertSqlSafe(role)).execute(&mut admin).await.unwrap();
        let pooler = PgBouncer::start(Pooled {
            program: &program,
            pooling: Pooling::BySession,
            drops_settings: true,
            pool_size: 20,
            role: "postgres",
            server: &address(&server),
        })
        .unwrap();
        let url = format!("postgres://postgres@{}/postgres", pooler.address);
        let tested = Tested { backend: connect(&tested.place, &url).await, ..tested };
        let _holder = tested.locked().await;
        let write = tested.write();
        tested.waiting(1).await;
        server.kill().unwrap();
        check(&answer(write).await.unwrap_err(), "(SQLSTATE 08P01)");
        server.start_again().unwrap();
        tested.check_unchanged_and_well().await;
    }

    /// Other codes of class 08, as other poolers say them: no connection to PostgreSQL or `PgBouncer` is known to
    /// end with one. Raised by the server in the place of the statement, each time counted.
    async fn other_connection_exceptions_08(server: Postgres) {
        let tested = Tested::at(&server.url).await;
        let mut admin = tested.place.connection().await;
        for state in ["08000", "08001", "08003", "08004", "08006", "08007"] {
            let text = format!(
                "DROP SEQUENCE IF EXISTS tries; CREATE SEQUENCE tries; \
                 CREATE OR REPLACE FUNCTION fail_once() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
                 IF nextval('tries') = 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = '{state}'; END IF; \
                 RETURN true; END $$"
            );
            raw_sql(AssertSqlSafe(text)).execute(&mut admin).await.unwrap();
            for (times, is_read) in [(2, true), (1, false)] {
                raw_sql("ALTER TABLE web_sessions RENAME TO kept; SELECT setval('tries', 1, false); \
                         CREATE VIEW web_sessions AS SELECT * FROM kept WHERE fail_once()")
                    .execute(&mut admin).await.unwrap();
                if is_read {
                    assert!(matches!(answer(tested.read()).await, Ok(Some(Found::Live { .. }))));
                } else {
                    let error = answer(tested.write()).await.unwrap_err();
                    check(&error, &format!("(SQLSTATE {state})"));
                }
                let tries: i64 = query_scalar("SELECT last_value FROM tries")
                    .fetch_one(&mut admin).await.unwrap();
                assert_eq!(tries, times, "{state}");
                raw_sql("DROP VIEW web_sessions; ALTER TABLE kept RENAME TO web_sessions")
                    .execute(&mut admin).await.unwrap();
            }
        }
        tested.check_unchanged_and_well().await;
    }
}

async fn answer<T: 'static>(call: JoinSet<T>) -> T {
    call.join_all().await.pop().unwrap()
}

fn in_database(server: &Postgres, name: &str) -> String {
    format!("{}/{name}", server.url.rsplit_once('/').unwrap().0)
}

/// Everything that a server says to a client of another kind, from the start of a long statement to the end.
async fn what_a_client_is_told(address: String) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // Protocol 3.0, without encryption.
    let start = b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0";
    socket.write_all(start).await.unwrap();
    socket.write_all(b"Q\0\0\0\x18SELECT pg_sleep(60)\0").await.unwrap();
    let mut told = Vec::new();
    socket.read_to_end(&mut told).await.unwrap();
    String::from_utf8_lossy(&told).into_owned()
}
