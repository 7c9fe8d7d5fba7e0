//! The demo as people meet it: in Chromium, on both frameworks. What a browser does with a cookie,
//! a form or a style, only a browser knows.

/// Makes tests of functions that get a framework: `chromium::axum_in_chromium::name` and so on.
macro_rules! in_chromium {
    ($($name:ident)*) => {
        in_chromium! { @on axum_in_chromium, Axum, $($name)* }
        in_chromium! { @on salvo_in_chromium, Salvo, $($name)* }
    };
    (@on $module:ident, $framework:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if $crate::chromium::driver::at_hand() {
                    super::$name($crate::demo::Framework::$framework).await;
                }
            })*
        }
    };
}

/// The same of functions that get a running demo, over SQLite and, if there is a server, over
/// PostgreSQL.
macro_rules! in_chromium_over_databases {
    ($($name:ident)*) => {
        in_chromium_over_databases! { @sqlite axum_in_chromium, Axum, $($name)* }
        in_chromium_over_databases! { @sqlite salvo_in_chromium, Salvo, $($name)* }
        in_chromium_over_databases! { @server axum_over_postgres_in_chromium, Axum, $($name)* }
        in_chromium_over_databases! { @server salvo_over_postgres_in_chromium, Salvo, $($name)* }
    };
    (@sqlite $module:ident, $framework:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use $crate::demo::{Demo, Framework};
                if $crate::chromium::driver::at_hand() {
                    super::$name(Demo::sqlite(Framework::$framework).await).await;
                }
            })*
        }
    };
    (@server $module:ident, $framework:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use $crate::demo::{Demo, Framework};
                if $crate::chromium::driver::at_hand()
                    && let Some(demo) = Demo::postgres(Framework::$framework).await
                {
                    super::$name(demo).await;
                }
            })*
        }
    };
}

#[path = "chromium/access.rs"]
mod access;
#[path = "chromium/axe.rs"]
mod axe;
#[path = "chromium/cookies.rs"]
mod cookies;
#[path = "chromium/devices.rs"]
mod devices;
#[path = "chromium/driver.rs"]
mod driver;
#[path = "chromium/live.rs"]
mod live;
#[path = "chromium/looks.rs"]
mod looks;
#[path = "chromium/other_site.rs"]
mod other_site;
#[path = "chromium/person.rs"]
mod person;
#[path = "chromium/sites.rs"]
mod sites;
#[path = "chromium/standalone.rs"]
mod standalone;
#[path = "chromium/tossed.rs"]
mod tossed;
