//! `GET /metrics`, for Prometheus, if it was asked for.

use std::time::Duration;

use anyhow::Context;
use http::StatusCode;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use session_core::metrics::{CALL_BUCKETS, CALLS};

use crate::answer::Answer;

/// What a scraper of Prometheus's text format expects.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How often the times that were recorded are put into their buckets, so that they do not heap up if nobody
/// scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// What was recorded in this process.
#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Records from now on. Before the store is made, which tells what each metric is.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let handle = PrometheusBuilder::new()
            .with_recommended_naming(true)
            .set_buckets_for_metric(Matcher::Full(CALLS.to_owned()), &CALL_BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .context("cannot record metrics")?;
        Ok(Self(handle))
    }

    /// `GET /metrics`
    pub(crate) fn show(&self) -> Answer {
        Answer::new(StatusCode::OK, TEXT, self.0.render().into_bytes())
    }

    /// Runs until it is dropped.
    pub(crate) async fn keep_up(self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.0.run_upkeep();
        }
    }
}
