//! Start and stop: opens what was asked for, says where it listens, and ends when it is told to.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use session_core::SessionStore;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::backend::{self, Opened};
use crate::cli::{Framework, Options};
use crate::metrics::Metrics;
use crate::stop::{Stop, stop_signal, stopped};
use crate::{axum_app, config, salvo_app};

/// How long requests in flight may take after the demo was told to stop. The slowest route waits ten
/// seconds; what is longer is a client that never finishes what it began to send.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the demo until it is told to stop.
///
/// Nothing is logged before it listens: what keeps it from starting is the error that this returns,
/// and the only line.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let config = config::load(options.config.as_deref(), options.is_local())?;
    // Before the database is asked: a mistake in the configuration should change nothing there.
    config.check()?;
    let stop = stop_signal().context("cannot listen for signals")?;
    let Opened { name, backend, close } = backend::open(&options.backend).await?;
    let metrics = options.metrics.then(Metrics::install).transpose()?;
    let store = SessionStore::shared(backend, config)?;
    let listener = TcpListener::bind((options.bare_host(), options.port))
        .await
        .with_context(|| format!("cannot listen at {} port {}", options.host, options.port))?;
    let address = listener.local_addr().context("cannot listen")?;

    log_to_stderr();
    announce(&format!("listening on http://{address} ({}, {name})", options.framework));
    let cleanup = store.cleanup_job().spawn();
    let serve = {
        let (stop, metrics) = (stop.clone(), metrics.clone());
        async move {
            match options.framework {
                Framework::Axum => axum_app::serve(listener, store, metrics, stop).await,
                Framework::Salvo => salvo_app::serve(listener, store, metrics, stop).await,
            }
        }
    };
    let served = tokio::select! {
        served = serve => served,
        () = out_of_patience(stop) => {
            tracing::warn!("stopping while requests are still in flight");
            Ok(())
        }
        () = keep_up(metrics) => Ok(()),
    };
    cleanup.stop().await;
    close.await;
    served
}

/// Standard output carries this one line, for scripts that wait for it.
fn announce(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // Nobody has to read it.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn log_to_stderr() {
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

async fn keep_up(metrics: Option<Metrics>) {
    match metrics {
        Some(metrics) => metrics.keep_up().await,
        None => std::future::pending().await,
    }
}

async fn out_of_patience(stop: Stop) {
    stopped(stop).await;
    tokio::time::sleep(PATIENCE).await;
}
