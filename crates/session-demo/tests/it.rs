//! The demo as a script meets it: the real program, started as a user starts it, driven over HTTP.
//!
//! What holds on every backend is a function that gets a running demo; `on_every_backend!` makes a
//! test of it for each of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

/// Makes tests of functions, one for each backend: `rows::memory::name`, `rows::sqlite::name`.
macro_rules! on_every_backend {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::demo::Demo::memory().await).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::demo::Demo::sqlite().await).await;
            })*
        }
    };
}

#[path = "it/bad_input.rs"]
mod bad_input;
#[path = "it/browser.rs"]
mod browser;
#[path = "it/configuration.rs"]
mod configuration;
#[path = "it/demo.rs"]
mod demo;
#[path = "it/devices.rs"]
mod devices;
#[path = "it/identity.rs"]
mod identity;
#[path = "it/pages.rs"]
mod pages;
#[path = "it/process.rs"]
mod process;
#[path = "it/races.rs"]
mod races;
#[path = "it/rows.rs"]
mod rows;
