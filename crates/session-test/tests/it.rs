//! What applications test themselves with, held against one small application on axum and on salvo.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "it/axum_app.rs"]
mod axum_app;
#[path = "it/browser.rs"]
mod browser;
#[path = "it/requests.rs"]
mod requests;
#[path = "it/salvo_app.rs"]
mod salvo_app;
#[path = "it/server_side.rs"]
mod server_side;

use session_core::{SessionConfig, SessionStore};
use session_test::{Fixture, TestClient};

/// The application on one framework, as a browser sees it.
type On = fn(SessionStore) -> TestClient;

/// Both frameworks: everything here holds on each.
const BOTH: [(&str, On); 2] = [("axum", axum_app::client), ("salvo", salvo_app::client)];

/// A browser on each, at an application of its own with this configuration.
fn on_both(config: &SessionConfig) -> impl Iterator<Item = (&'static str, Fixture, TestClient)> {
    BOTH.into_iter().map(|(name, on)| {
        let fixture = Fixture::new(config.clone());
        let client = on(fixture.store.clone());
        (name, fixture, client)
    })
}
