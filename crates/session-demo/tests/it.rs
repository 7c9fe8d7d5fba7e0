//! The demo as a script meets it: the real program, started as a user starts it, driven over HTTP.
//!
//! What holds on every framework over every backend is a function that gets a running demo;
//! `on_every_combination!` makes a test of it for each of them. What starts its own demo gets the
//! framework: `on_every_framework!`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

/// Makes tests of functions that get a running demo: `rows::salvo_over_sqlite::name` and so on.
macro_rules! on_every_combination {
    ($($name:ident)*) => {
        on_every_combination! { @over axum_over_memory, Axum, memory, $($name)* }
        on_every_combination! { @over axum_over_sqlite, Axum, sqlite, $($name)* }
        on_every_combination! { @over salvo_over_memory, Salvo, memory, $($name)* }
        on_every_combination! { @over salvo_over_sqlite, Salvo, sqlite, $($name)* }
        on_every_combination! { @server axum_over_postgres, Axum, $($name)* }
        on_every_combination! { @server salvo_over_postgres, Salvo, $($name)* }
    };
    // If there is no server, `Demo::postgres` says so.
    (@server $module:ident, $framework:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use $crate::demo::{Demo, Framework};
                if let Some(demo) = Demo::postgres(Framework::$framework).await {
                    super::$name(demo).await;
                }
            })*
        }
    };
    (@over $module:ident, $framework:ident, $backend:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use $crate::demo::{Demo, Framework};
                super::$name(Demo::$backend(Framework::$framework).await).await;
            })*
        }
    };
}

/// Makes tests of functions that get a framework: `process::salvo::name` and so on.
macro_rules! on_every_framework {
    ($($name:ident)*) => {
        on_every_framework! { @on axum, Axum, $($name)* }
        on_every_framework! { @on salvo, Salvo, $($name)* }
    };
    (@on $module:ident, $framework:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::demo::Framework::$framework).await;
            })*
        }
    };
}

#[path = "it/bad_input.rs"]
mod bad_input;
#[path = "it/browser.rs"]
mod browser;
#[path = "it/caches.rs"]
mod caches;
#[path = "it/chromium.rs"]
mod chromium;
#[path = "it/configuration.rs"]
mod configuration;
#[path = "it/configuration_md.rs"]
mod configuration_md;
#[path = "it/demo.rs"]
mod demo;
#[path = "it/devices.rs"]
mod devices;
#[path = "it/ended.rs"]
mod ended;
#[path = "it/identity.rs"]
mod identity;
#[path = "it/lost.rs"]
mod lost;
#[path = "it/measure.rs"]
mod measure;
#[path = "it/metrics.rs"]
mod metrics;
#[path = "it/operating.rs"]
mod operating;
#[path = "it/order.rs"]
mod order;
#[path = "it/outage.rs"]
mod outage;
#[path = "it/pages.rs"]
mod pages;
#[path = "it/pooled.rs"]
mod pooled;
#[path = "it/postgres.rs"]
mod postgres;
#[path = "it/process.rs"]
mod process;
#[path = "it/proxied.rs"]
mod proxied;
#[path = "it/races.rs"]
mod races;
#[path = "it/rows.rs"]
mod rows;
#[path = "it/sites.rs"]
mod sites;
#[path = "it/support.rs"]
mod support;
#[path = "it/transports.rs"]
mod transports;
