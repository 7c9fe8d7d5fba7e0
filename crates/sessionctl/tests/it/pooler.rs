//! Behind a pooler that lets no settings through.

use session_postgres::{PostgresBackend, PostgresConfig};
use session_test_servers::{PgBouncer, Pooled, Pooling, given};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};

use crate::support::{postgres, sign_in};

/// Whoever does what the tool says must not shut the application out, which connects as the same role.
#[tokio::test]
async fn what_it_says_is_right_for_the_application_too() {
    let Some(program) = given::pgbouncer() else { return };
    if !given::has_postgres() {
        return;
    }
    let mut place = postgres().await;
    sign_in(&place.store(), "alice").await;
    let schema = place.schema.clone().unwrap();
    let role = format!("role_{schema}").chars().take(60).collect::<String>();
    let options: PgConnectOptions = place.url.parse().unwrap();
    let server = format!("{}:{}", options.get_host(), options.get_port());
    let database = options.get_database().unwrap_or("postgres").to_owned();
    let mut administrator = PgConnection::connect(&place.url).await.unwrap();
    let mut says = async |sql: String| {
        raw_sql(AssertSqlSafe(sql)).execute(&mut administrator).await.unwrap();
    };
    says(format!("CREATE ROLE {role} LOGIN SUPERUSER")).await;
    let pooled = Pooled {
        program: &program,
        pooling: Pooling::BySession,
        drops_settings: true,
        pool_size: 20,
        role: &role,
        server: &server,
    };
    let pooler = PgBouncer::start(pooled).unwrap();
    place.url = format!("postgres://{role}@{}/{database}", pooler.address);
    let said = place.run(&["stats"]).ended_with(5);
    let (_, advice) = said.err.split_once("statement_timeout is 0: ").unwrap();
    let (advice, _) = advice.split_once(" for the role").unwrap();
    says(advice.replace('…', &role)).await;
    // The pooler has connections from before.
    drop(pooler);
    let pooler = PgBouncer::start(pooled).unwrap();
    place.url = format!("postgres://{role}@{}/{database}", pooler.address);
    place.run(&["stats"]).ended_with(0);
    place.run(&["doctor"]).ended_with(0);
    let application = PostgresConfig::new(&place.url).schema(&schema);
    let backend = PostgresBackend::connect_with(application).await;
    backend.expect("the application starts").close().await;
    says(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
