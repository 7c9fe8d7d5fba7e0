//! Every failure has its kind and a sentence that says what to do, and none tells a secret.

use session_core::{BackendErrorKind as Kind, NewSession, SessionBackend, SessionRef};
use session_postgres::{PostgresBackend, PostgresConfig};
use sqlx::{AssertSqlSafe, Executor};

use super::support::{
    Fresh, NOW, Place, after, chain, record, record_of, set, stored, token, user_id, with_server,
};

async fn check(name: &str, url: &str, kind: Kind, sentence: &str) {
    let config = PostgresConfig::new(url).acquire_timeout(std::time::Duration::from_millis(500));
    let error = PostgresBackend::connect_with(config).await.unwrap_err();
    let text = format!("{} {error:?}", chain(&error));
    assert_eq!(error.kind(), kind, "{name}: {text}");
    assert!(error.to_string().contains(sentence), "{name}: {text}");
    assert!(!text.contains("hunter2"), "{name}: {text}");
    assert_eq!(error.to_string().lines().count(), 1, "{name}");
}

#[tokio::test]
async fn urls_that_lead_nowhere() {
    for (name, url, kind, sentence) in [
        ("no URL", "hunter2", Kind::Other, "write postgres://"),
        ("another database", "mysql://u:hunter2@localhost/x", Kind::Other, "write postgres://"),
        ("no port", "postgres://u:hunter2@localhost:x/x", Kind::Other, "write postgres://"),
        ("nobody there", "postgres://u:hunter2@127.0.0.1:1/x", Kind::Unavailable, "127.0.0.1:1"),
    ] {
        check(name, url, kind, sentence).await;
    }
}

#[tokio::test]
async fn schemas_that_need_quotes_are_refused() {
    let config = PostgresConfig::new("postgres://u@127.0.0.1:1/x").schema("a\"; DROP");
    let error = PostgresBackend::connect_with(config).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Other);
    assert!(error.to_string().contains("cannot be the schema"), "{error}");
}

with_server! {
    async fn a_server_that_refuses() {
        let place = Place::new();
        let mut connection = place.connection().await;
        let (user, database) = (place.schema.replace("session_test", "nobody"), "no_such_database");
        let base = place.url.split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let refused = format!("postgres://{user}:hunter2@{base}/postgres");
        check("no such user", &refused, Kind::Other, "refused the user or the password").await;
        let absent = place.url.rsplit_once('/').unwrap().0.to_owned() + "/" + database;
        check("no such database", &absent, Kind::Other, "create it first").await;
        #[cfg(not(feature = "tls-rustls-ring-webpki"))]
        check("no TLS here", &format!("{}?sslmode=require", place.url), Kind::Other, "TLS").await;

        // A role that may connect, and nothing else.
        let make = AssertSqlSafe(format!("CREATE ROLE {user} LOGIN PASSWORD 'hunter2'"));
        connection.execute(make).await.unwrap();
        let granted = Fresh::new().await;
        let config = PostgresConfig::new(refused.as_str()).schema(&granted.place.schema);
        let backend = PostgresBackend::connect_with(config).await.unwrap();
        let error = backend.ping().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Other, "{}", chain(&error));
        let uses = format!("GRANT USAGE ON SCHEMA {} TO {user}", granted.place.schema);
        for (grant, schema, sentence) in [
            ("", &place.schema, "does not exist, and the PostgreSQL role may not create it"),
            ("", &granted.place.schema, "GRANT USAGE ON SCHEMA"),
            (&*uses, &granted.place.schema, "may not do this"),
        ] {
            connection.execute(AssertSqlSafe(grant)).await.unwrap();
            let config = PostgresConfig::new(refused.as_str()).schema(schema.as_str());
            let backend = PostgresBackend::connect_with(config).await.unwrap();
            let error = backend.migrate().await.unwrap_err();
            assert_eq!(error.kind(), Kind::Other, "{}", chain(&error));
            assert!(error.to_string().contains(sentence), "{}", chain(&error));
            backend.close().await;
        }
        connection.execute(AssertSqlSafe(format!("DROP OWNED BY {user}"))).await.unwrap();
        let drop = AssertSqlSafe(format!("DROP ROLE {user}"));
        connection.execute(drop).await.unwrap();
    }

    async fn missing_tables() {
        let place = Place::new();
        let backend = PostgresBackend::connect_with(place.config()).await.unwrap();
        let session = SessionRef::by_id(record().id);
        let (how, alice) = (session_core::EndedBy::Revoked, user_id("alice"));
        for (name, error) in [
            ("find", backend.find(&token(), NOW).await.unwrap_err()),
            ("list", backend.list(&user_id("a"), NOW).await.unwrap_err()),
            ("update", backend.update(&session, &set("k", 1), NOW).await.unwrap_err()),
            ("create", backend.create(NewSession::new(record(), token()), NOW).await.unwrap_err()),
            ("remove", backend.remove(&session, None, None, how, NOW).await.unwrap_err()),
            ("remove_user", backend.remove_user(&alice, None, None, how, NOW).await.unwrap_err()),
            ("purge", backend.purge_expired(NOW, 1, Default::default()).await.unwrap_err()),
            ("ping", backend.ping().await.unwrap_err()),
        ] {
            assert_eq!(error.kind(), Kind::Other, "{name}");
            assert!(error.to_string().contains("run migrate() first"), "{name}: {error}");
        }
    }

    async fn rows_that_make_no_sense() {
        let fresh = Fresh::new().await;
        let mut other = fresh.place.connection().await;
        for (column, value) in [
            ("data", "'[]'"),
            ("data", "'\"hunter2\"'"),
            ("data", "'{\"a\":1e999}'"),
            ("device_type", "'toaster'"),
            ("fingerprint", "'\\x00'"),
            ("user_id", "''"),
        ] {
            let session = stored(&fresh.backend, record()).await;
            let text = AssertSqlSafe(format!("UPDATE web_sessions SET {column} = {value}"));
            other.execute(text).await.unwrap();
            let error = fresh.backend.find(&session.token.unwrap(), NOW).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Corrupt, "{column} = {value}");
            assert!(error.to_string().contains(&session.id.to_string()), "{error}");
            assert!(error.to_string().contains(column), "{error}");
            assert!(!chain(&error).contains("hunter2"), "{error}");
            if value == "'[]'" {
                let error = fresh.backend.update(&session, &set("k", 1), NOW).await.unwrap_err();
                assert_eq!(error.kind(), Kind::Corrupt, "{}", chain(&error));
            }
            other.execute("DELETE FROM web_sessions").await.unwrap();
        }
    }

    async fn conflicts_name_no_value() {
        let fresh = Fresh::new().await;
        let (first, hash) = (record(), token());
        fresh.backend.create(NewSession::new(first.clone(), hash), NOW).await.unwrap();
        for (name, record, hash) in [
            ("the id", first.clone(), token()),
            ("the token", record(), hash),
            ("the token, at a sign-in", record_of("alice"), hash),
            ("both, later than it lived", first, hash),
        ] {
            let late = after(100_000);
            let error = fresh.backend.create(NewSession::new(record, hash), late).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Conflict, "{name}");
            check_hidden(name, &error, &hash);
        }
        // A rotation finds out from the index, whose message quotes the key.
        let session = stored(&fresh.backend, record()).await;
        let rotation = session_core::Rotation::Immediate { token: hash };
        let change = session_core::SessionChange::rotation(rotation);
        let error = fresh.backend.update(&session, &change, NOW).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{}", chain(&error));
        check_hidden("a rotation", &error, &hash);
    }

    async fn what_the_server_refuses_is_not_repeated() {
        let fresh = Fresh::new().await;
        let session = stored(&fresh.backend, record_of("alice")).await;
        let mut other = fresh.place.connection().await;
        other
            .execute("ALTER TABLE web_sessions ADD CHECK (data <> '{\"card\": \"hunter2\"}')")
            .await
            .unwrap();
        let error = fresh.backend.update(&session, &set("card", "hunter2"), NOW).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Other);
        assert!(!format!("{} {error:?}", chain(&error)).contains("hunter2"), "{error:?}");
    }

    async fn a_closed_backend_says_so() {
        let fresh = Fresh::new().await;
        fresh.backend.close().await;
        let error = fresh.backend.ping().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(error.to_string(), "the PostgreSQL backend was closed");
    }
}

fn check_hidden(name: &str, error: &session_core::BackendError, hash: &session_core::TokenHash) {
    let text = format!("{} {error:?}", chain(error));
    let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!text.contains(&hex) && !text.contains(&format!("{:?}", hash.as_bytes())), "{name}");
}
