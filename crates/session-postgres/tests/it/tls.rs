//! Encrypted connections, to a real server with a certificate of its own.

use std::path::Path;
use std::process::Command;

use session_core::BackendErrorKind as Kind;
use session_postgres::{PostgresBackend, PostgresConfig};
use session_test_servers::{Postgres, given, quietly};
use sqlx::{Connection, Executor, PgConnection, query_scalar};

use super::support::{chain, live, record, stored, until};

/// Two authorities, and a certificate by the first for 127.0.0.1. Made by `openssl`, which comes with
/// every server that is linked with it: no crate that the tests use otherwise makes certificates.
fn make_certificates(folder: &Path) {
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        quietly(command.args(arguments).current_dir(folder)).unwrap();
    };
    for (key, certificate) in [("ca.key", "ca.crt"), ("other.key", "other.crt")] {
        let names = ["-keyout", key, "-out", certificate, "-subj", "/CN=authority", "-days", "2"];
        openssl(&[&["req", "-x509"], &new_key[..], &names].concat());
    }
    let names = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"];
    openssl(&[&["req"], &new_key[..], &names].concat());
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let request = ["x509", "-req", "-in", "server.csr", "-out", "server.crt", "-days", "2"];
    let by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"];
    openssl(&[&request[..], &by].concat());
}

async fn switch_on(server: &Postgres, folder: &Path) {
    for name in ["server.crt", "server.key"] {
        server.put(name, &std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    }
    let mut connection = PgConnection::connect(&server.url).await.unwrap();
    connection.execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    connection.execute("SELECT pg_reload_conf()").await.unwrap();
    let connection = &tokio::sync::Mutex::new(connection);
    until("TLS on the server", || async move {
        let mut connection = connection.lock().await;
        let is_on: String = query_scalar("SHOW ssl").fetch_one(&mut *connection).await.unwrap();
        (is_on == "on").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_the_url_demands_is_kept() {
    let Some(server) = given::own_postgres_with_tls() else { return };
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let with = |demand: &str| server.url.replace("postgres@", "postgres:hunter2@") + "?" + demand;
    let (ca, other) = (folder.path().join("ca.crt"), folder.path().join("other.crt"));
    let (ca, other) = (ca.display(), other.display());

    check_refused(&with("sslmode=require"), "TLS").await;
    switch_on(&server, folder.path()).await;
    for demand in [
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca&sslrootcert={ca}"),
        format!("sslmode=verify-full&sslrootcert={ca}"),
    ] {
        check_encrypted(&with(&demand)).await;
    }
    for demand in [
        // Nobody whom browsers trust has signed it.
        "sslmode=verify-full".to_owned(),
        format!("sslmode=verify-ca&sslrootcert={other}"),
        format!("sslmode=verify-full&sslrootcert={other}"),
    ] {
        check_refused(&with(&demand), "sslrootcert").await;
    }
    // Signed by the right one, for another name.
    let misnamed = with(&format!("sslmode=verify-full&sslrootcert={ca}"));
    check_refused(&misnamed.replace("127.0.0.1", "localhost"), "sslrootcert").await;
}

async fn check_encrypted(url: &str) {
    let config = PostgresConfig::new(url).schema(given::fresh_name());
    let backend = PostgresBackend::connect_with(config).await.unwrap_or_else(|error| {
        panic!("{url}: {}", chain(&error));
    });
    backend.migrate().await.unwrap();
    let session = stored(&backend, record()).await;
    live(&backend, &session.token.unwrap()).await;
    let mut observer = PgConnection::connect(url).await.unwrap();
    let encrypted: Vec<bool> = query_scalar(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'session-postgres'",
    )
    .fetch_all(&mut observer)
    .await
    .unwrap();
    assert!(!encrypted.is_empty() && encrypted.iter().all(|is| *is), "{url}: {encrypted:?}");
    backend.close().await;
}

/// Refused for good, with a sentence that leads on, and without the password.
async fn check_refused(url: &str, sentence: &str) {
    let error = PostgresBackend::connect(url).await.unwrap_err();
    let text = format!("{} {error:?}", chain(&error));
    assert_eq!(error.kind(), Kind::Other, "{url}: {text}");
    assert!(error.to_string().contains(sentence), "{url}: {text}");
    assert!(!text.contains("hunter2"), "{text}");
}
