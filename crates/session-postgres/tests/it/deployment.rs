//! What people write into URLs and poolers' configurations.

use std::str::FromStr;
use std::sync::{Arc, Mutex};

use session_core::SessionBackend;
use session_postgres::PostgresBackend;
use sqlx::postgres::PgConnectOptions;

use super::support::{Place, chain, with_server};

/// Keeps every event's fields.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl tracing::Subscriber for Heard {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields<'a>(&'a mut String);
        impl tracing::field::Visit for Fields<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
        }
        let mut heard = self.0.lock().unwrap();
        heard.push_str(event.metadata().level().as_str());
        event.record(&mut Fields(&mut heard));
        heard.push('\n');
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// The driver would log a parameter that it does not know, with its value, and go on without.
#[test]
fn a_url_parameter_that_has_no_effect_is_refused_and_its_value_not_logged() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut failed = Vec::new();
    for parameter in [
        "target_session_attrs=read-write",
        "sslpassword=hunter2",
        "pasword=hunter2",
        "connect_timeout=3",
    ] {
        let heard = Heard::default();
        let url = format!("postgres://u@127.0.0.1:1/x?{parameter}");
        let error = tracing::subscriber::with_default(heard.clone(), || {
            runtime.block_on(PostgresBackend::connect(&url)).unwrap_err()
        });
        let name = parameter.split('=').next().unwrap();
        let (said, log) = (chain(&error), heard.0.lock().unwrap().clone());
        if !said.contains(name) || format!("{said}{log}").contains("hunter2") {
            failed.push(format!("{parameter}\n  error: {said}\n  log: {log}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

with_server! {
    /// A pool's own `search_path` may name a schema that only quotes can name.
    async fn a_pool_with_a_schema_of_an_odd_name() {
        for name in ["Odd Name", "a,b", "it's", "quo\"te", "user", "$user x", "pg_catalogue; DROP"] {
            let place = Place::new();
            let name = format!("{} {name}", place.schema);
            let quoted = format!("\"{}\"", name.replace('"', "\"\""));
            let mut connection = place.connection().await;
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {quoted}")))
                .execute(&mut connection).await.unwrap();
            let options = PgConnectOptions::from_str(&place.url).unwrap();
            let set = format!("SET search_path = {quoted}");
            let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1)
                .after_connect(move |connection, _| {
                    let set = set.clone();
                    Box::pin(async move {
                        sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(connection).await.map(|_| ())
                    })
                })
                .connect_with(options).await.unwrap();
            let backend = PostgresBackend::from_pool(pool);
            for _ in 0..2 {
                backend.migrate().await.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
            }
            backend.ping().await.unwrap();
            super::support::stored(&backend, super::support::record()).await;
        }
    }
}
