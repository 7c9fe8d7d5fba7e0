//! Sessions in a PostgreSQL, which several demos may share.

use std::sync::Arc;

use anyhow::Context;
use session_postgres::PostgresBackend;

use super::Opened;

pub(super) async fn open(url: &str) -> anyhow::Result<Opened> {
    let backend = PostgresBackend::connect(url).await.context("cannot open the database")?;
    backend.migrate().await.context("cannot migrate the database")?;
    let closing = backend.clone();
    Ok(Opened {
        name: "postgres",
        backend: Arc::new(backend),
        close: Box::pin(async move { closing.close().await }),
    })
}
