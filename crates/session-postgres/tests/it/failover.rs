//! Connections that broke one by one, and servers that take each other's place.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_core::{BackendErrorKind, NewSession, SessionBackend, SessionRef};
use session_postgres::PostgresBackend;
use session_test_servers::{Postgres, given};
use sqlx::{AssertSqlSafe, Connection, PgConnection, query_scalar, raw_sql};
use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::support::{
    Fresh, NOW, Place, chain, live, record, record_of, set, stored, token, until, with_server,
};

/// Opens as many connections as there are calls, all of which wait for one lock.
async fn all_connections(fresh: &Fresh, session: &SessionRef, count: usize) {
    let mut holder = fresh.place.connection().await;
    let lock = "BEGIN; SELECT FROM web_sessions FOR UPDATE";
    raw_sql(lock).execute(&mut holder).await.unwrap();
    let mut calls = writes(&fresh.backend, session, count);
    until("calls that wait on all connections", || async {
        (backends(&fresh.place, "wait_event_type = 'Lock'").await.len() == count).then_some(())
    })
    .await;
    raw_sql("COMMIT").execute(&mut holder).await.unwrap();
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

fn writes(backend: &PostgresBackend, session: &SessionRef, count: usize) -> JoinSet<()> {
    let mut calls = JoinSet::new();
    for nth in 0..count {
        let (backend, session) = (backend.clone(), session.clone());
        calls.spawn(async move {
            let change = set(&format!("k{nth}"), 1);
            let done = backend.update(&session, &change, NOW).await;
            done.unwrap_or_else(|error| panic!("write {nth}: {}", chain(&error)));
        });
    }
    calls
}

/// The processes that serve the backend under test.
async fn backends(place: &Place, of: &'static str) -> Vec<i32> {
    let mut connection = place.connection().await;
    let text = format!(
        "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND {of} ORDER BY pid"
    );
    let found = query_scalar(AssertSqlSafe(text)).bind(place.schema.clone());
    found.fetch_all(&mut connection).await.unwrap()
}

const TWICE: &str = r#"{"k0":2,"k1":1,"k2":1,"k3":1}"#;

with_server! {
    /// Two of four connections end while they wait, as by `idle_session_timeout`; the server has just answered on
    /// another. Each write asks its own connection.
    async fn no_write_is_lost_on_a_connection_that_ended_alone() {
        for ends in [1, 2, 3] {
            let fresh = Fresh::new().await;
            let session = stored(&fresh.backend, record()).await;
            all_connections(&fresh, &session, 4).await;
            let mut connection = fresh.place.connection().await;
            for process in backends(&fresh.place, "true").await.into_iter().take(ends) {
                let end = sqlx::query("SELECT pg_terminate_backend($1, 5000)").bind(process);
                end.execute(&mut connection).await.unwrap();
            }
            // Somebody else is answered.
            live(&fresh.backend, &session.token.unwrap()).await;
            writes(&fresh.backend, &session, 4).join_all().await;
        }
    }

    /// The server became read-only under the connections that there are, and new ones lead to another: nothing
    /// fails, and nobody reads from the old one any more.
    async fn a_demoted_server_is_left_at_the_first_write() {
        let Some(mut old) = given::own_postgres() else { return };
        let mut admin = PgConnection::connect(&old.url).await.unwrap();
        let (place, proxy, backend) = in_front_of(&old).await;
        let session = stored(&backend, record_of("ann")).await;
        let token = session.token.unwrap();
        let fresh = Fresh { backend: backend.clone(), place: place.clone() };
        all_connections(&fresh, &session, 4).await;
        let new = old.standby().unwrap();
        until("a standby that has everything", || async {
            let mut admin = PgConnection::connect(&new.url).await.unwrap();
            let text = AssertSqlSafe(format!("SELECT count(*) FROM {}.web_sessions", place.schema));
            let count = query_scalar::<_, i64>(text).fetch_one(&mut admin).await;
            count.is_ok_and(|count| count == 1).then_some(())
        })
        .await;
        raw_sql("ALTER SYSTEM SET default_transaction_read_only = on").execute(&mut admin).await.unwrap();
        raw_sql("SELECT pg_reload_conf()").execute(&mut admin).await.unwrap();
        promote(&new).await;
        until("a server that is read-only", || async {
            let mut admin = PgConnection::connect(&old.url).await.unwrap();
            let setting = query_scalar::<_, String>("SHOW default_transaction_read_only");
            (setting.fetch_one(&mut admin).await.unwrap() == "on").then_some(())
        })
        .await;
        proxy.lead_to(address(&new));

        backend.update(&session, &set("k0", 2), NOW).await.unwrap();
        assert_eq!(live(&backend, &token).await.data.to_json(), TWICE, "read from the old one");
        let gone = until("the end of the old one's connections", || async {
            let mut admin = PgConnection::connect(&old.url).await.unwrap();
            let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
            let count = query_scalar::<_, i64>(text).bind(place.schema.clone());
            (count.fetch_one(&mut admin).await.unwrap() == 0).then_some(true)
        });
        assert!(gone.await);
        old.kill().unwrap();
    }

    /// The primary dies, its synchronous standby is promoted, and the address leads there. What was acknowledged
    /// is there; calls fail as unavailable until then, and no longer.
    async fn a_promoted_standby_has_all_that_was_acknowledged() {
        let Some(mut old) = given::own_postgres() else { return };
        let mut admin = PgConnection::connect(&old.url).await.unwrap();
        let new = old.standby().unwrap();
        raw_sql("ALTER SYSTEM SET synchronous_standby_names = '*'").execute(&mut admin).await.unwrap();
        raw_sql("SELECT pg_reload_conf()").execute(&mut admin).await.unwrap();
        until("a standby that is waited for", || async {
            let mut admin = PgConnection::connect(&old.url).await.unwrap();
            let state = query_scalar::<_, String>("SELECT sync_state FROM pg_stat_replication");
            (state.fetch_optional(&mut admin).await.unwrap()? == "sync").then_some(())
        })
        .await;
        let (_place, proxy, backend) = in_front_of(&old).await;
        let mut writers = JoinSet::new();
        let stop = Arc::<AtomicBool>::default();
        for _ in 0..4 {
            let (backend, stop) = (backend.clone(), stop.clone());
            writers.spawn(async move {
                let (mut acknowledged, mut failed) = (Vec::new(), 0);
                while !stop.load(Ordering::Relaxed) {
                    let token = super::support::token();
                    let new = NewSession::new(record(), token);
                    match backend.create(new, NOW).await {
                        Ok(_) => acknowledged.push(token),
                        Err(error) => {
                            assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{}", chain(&error));
                            failed += 1;
                            tokio::task::yield_now().await;
                        }
                    }
                }
                (acknowledged, failed)
            });
        }
        until("writes", || async {
            let count = query_scalar::<_, i64>("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'");
            let mut admin = PgConnection::connect(&old.url).await.unwrap();
            (count.fetch_one(&mut admin).await.unwrap() > 200).then_some(())
        })
        .await;
        old.kill().unwrap();
        let down = Instant::now();
        promote(&new).await;
        proxy.lead_to(address(&new));
        let again = until("a write on the new primary", || async {
            let made = backend.create(NewSession::new(record(), token()), NOW);
            made.await.ok().map(|_| down.elapsed())
        })
        .await;
        assert!(again < Duration::from_secs(20), "{again:?}");
        stop.store(true, Ordering::Relaxed);
        let mut total = 0;
        while let Some(writer) = writers.join_next().await {
            let (acknowledged, _failed) = writer.unwrap();
            total += acknowledged.len();
            for token in acknowledged {
                live(&backend, &token).await;
            }
        }
        assert!(total > 0, "nothing was acknowledged");
    }
}

/// A backend whose way to the server can be led elsewhere.
async fn in_front_of(server: &Postgres) -> (Place, Proxy, PostgresBackend) {
    let place = Place { url: server.url.clone(), schema: given::fresh_name() };
    let (proxy, url) = place.proxy().await;
    let config = place.config_at(&url).max_connections(NonZeroU32::new(4).unwrap());
    let backend = PostgresBackend::connect_with(config).await.unwrap();
    backend.migrate().await.unwrap();
    (place, proxy, backend)
}

async fn promote(server: &Postgres) {
    let mut admin = PgConnection::connect(&server.url).await.unwrap();
    let promoted: bool =
        query_scalar("SELECT pg_promote(true, 30)").fetch_one(&mut admin).await.unwrap();
    assert!(promoted);
}

pub(crate) fn address(server: &Postgres) -> String {
    let options: sqlx::postgres::PgConnectOptions = server.url.parse().unwrap();
    format!("{}:{}", options.get_host(), options.get_port())
}
