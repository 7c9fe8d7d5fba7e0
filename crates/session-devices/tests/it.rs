//! Tests of the page of devices, on both frameworks.
//!
//! What holds over every backend is a function that gets a place; `everywhere!` makes a test of it for
//! each framework over each backend. What needs a store of its own gets the framework: `on_both!`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

/// `json::salvo_over_sqlite::name` and so on, of functions that get a [`Place`](site::Place).
macro_rules! everywhere {
    ($($name:ident)*) => {
        everywhere! { @over axum_over_memory, Axum, over_memory, $($name)* }
        everywhere! { @over axum_over_sqlite, Axum, over_sqlite, $($name)* }
        everywhere! { @over axum_over_postgres, Axum, over_postgres, $($name)* }
        everywhere! { @over salvo_over_memory, Salvo, over_memory, $($name)* }
        everywhere! { @over salvo_over_sqlite, Salvo, over_sqlite, $($name)* }
        everywhere! { @over salvo_over_postgres, Salvo, over_postgres, $($name)* }
    };
    (@over $module:ident, $framework:ident, $backend:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                use $crate::site::{Framework, Place};
                // If there is no server, it says so.
                if let Some(place) = Place::$backend(Framework::$framework).await {
                    super::$name(place).await;
                }
            })*
        }
    };
}

/// `outage::salvo::name` and so on, of functions that get a framework.
macro_rules! on_both {
    ($($name:ident)*) => {
        on_both! { @on axum, Axum, $($name)* }
        on_both! { @on salvo, Salvo, $($name)* }
    };
    (@on $module:ident, $framework:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::site::Framework::$framework).await;
            })*
        }
    };
}

#[path = "it/document.rs"]
mod document;
#[path = "it/json.rs"]
mod json;
#[path = "it/mounted.rs"]
mod mounted;
#[path = "it/page.rs"]
mod page;
#[path = "it/refused.rs"]
mod refused;
#[path = "it/site.rs"]
mod site;
#[path = "it/words.rs"]
mod words;
