//! Roles of PostgreSQL that may do something and not everything.

use session_test_servers::given;
use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};

use crate::support::{Place, postgres, sign_in};

/// A role of its own, which may do nothing yet, and who grants it rights.
struct Role {
    name: String,
    administrator: PgConnection,
}

impl Role {
    /// From now on the place is reached as this role.
    async fn at(place: &mut Place) -> Self {
        let administrator = PgConnection::connect(&place.url).await.unwrap();
        let schema = place.schema.as_deref().unwrap();
        let name = format!("role_{schema}").chars().take(60).collect::<String>();
        let mut role = Self { name, administrator };
        role.says("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'", place).await;
        role.says("GRANT USAGE ON SCHEMA {schema} TO {role}", place).await;
        let (_, after) = place.url.split_once('@').unwrap();
        place.url = format!("postgres://{}:hunter2@{after}", role.name);
        role
    }

    async fn says(&mut self, sql: &str, place: &Place) {
        let sql = sql.replace("{role}", &self.name);
        let sql = sql.replace("{schema}", place.schema.as_deref().unwrap());
        raw_sql(AssertSqlSafe(sql)).execute(&mut self.administrator).await.unwrap();
    }

    async fn goes(mut self, place: &Place) {
        self.says("DROP OWNED BY {role}", place).await;
        self.says("DROP ROLE {role}", place).await;
    }
}

/// On a hardened database nobody may call a function who was not granted it. Then the tables can be read and
/// written, and nobody can sign in.
#[tokio::test]
async fn doctor_sees_that_a_role_may_not_call_the_functions() {
    if !given::has_postgres() {
        return;
    }
    let mut place = postgres().await;
    sign_in(&place.store(), "alice").await;
    let mut role = Role::at(&mut place).await;
    let tables = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}";
    role.says(tables, &place).await;
    place.run(&["doctor"]).ended_with(0);
    let hardened = "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC";
    role.says(hardened, &place).await;
    place.run(&["purge"]).ended_with(5);
    let said = place.run(&["doctor"]).ended_with(1);
    assert!(said.out.contains("GRANT EXECUTE"), "{said:?}");
    role.says("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}", &place).await;
    place.run(&["doctor"]).ended_with(0);
    role.goes(&place).await;
}

/// After a break-in nothing keeps an operator from ending all sessions that is not needed for it: to count them
/// reads them all and sorts their users, for which a role may lack the time or, as here, the room.
#[tokio::test]
async fn all_sessions_end_without_being_counted() {
    if !given::has_postgres() {
        return;
    }
    let mut place = postgres().await;
    let store = place.store();
    sign_in(&store, "alice").await;
    let mut role = Role::at(&mut place).await;
    let many = "INSERT INTO {schema}.web_sessions \
        SELECT (jsonb_populate_record(s, jsonb_build_object('id', lpad(n::text, 26, '0'), \
        'token_hash', '\\x' || md5(n::text) || md5(n::text), 'user_id', repeat('x', 100) || n))).* \
        FROM {schema}.web_sessions AS s, generate_series(1, 5000) AS n";
    for sql in [
        many,
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "ALTER ROLE {role} SET work_mem = '256kB'",
        "ALTER ROLE {role} SET temp_file_limit = 0",
    ] {
        role.says(sql, &place).await;
    }
    place.run(&["stats"]).ended_with(4);
    let said = place.run(&["end-all", "--yes"]).ended_with(0);
    assert_eq!(said.out, "ended 5001 sessions\n");
    assert_eq!(store.count().await.unwrap().live, 0);
    role.goes(&place).await;
}
