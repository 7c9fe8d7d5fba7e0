//! The request laws: what every adapter promises, looked at from outside as requests and responses.
//!
//! # Holding an adapter to the laws
//!
//! The suite brings its own application, the same for every adapter: [`handle`] and [`untouched`].
//! The adapter's author says how they are mounted, in a [`Harness`]:
//!
//! - paths that begin with [`UNTOUCHED`] go to [`untouched`], and their handler asks for no session;
//! - paths that begin with [`LOOKS`] go to [`untouched`] too, when their handler has looked who is signed in
//!   without loading the session;
//! - paths that begin with [`CONTAINED`] are like any other, with [`contain`] between the session's layer
//!   and the handler, as a layer that catches panics or limits time;
//! - paths that begin with [`FOR_USERS`], [`FOR_FRESH`] and [`FOR_VISITORS`] go to [`untouched`], behind the
//!   adapter's own guards, and the adapter's layer is told of [`pages`];
//! - every other path asks for the session twice, as two extractors of one handler would, and goes to
//!   [`handle`], whose error is answered as the adapter answers a handler's error.
//!
//! Then [`http_laws!`](crate::http_laws) makes a test of each law. Put it into
//! `mod http_laws { mod <adapter>_over_<backend> { … } }`:
//!
//! ```text
//! mod http_laws {
//!     mod axum_over_memory {
//!         // `make` is an `async fn() -> impl Harness`.
//!         session_conformance::http_laws!(crate::make);
//!     }
//! }
//! ```
//!
//! # What the suite looks at
//!
//! - Everything happens in this process: no sockets, no waiting. Time is a clock that the law moves;
//!   the backend is wrapped so that calls are counted, fail and wait where the law says.
//! - Whatever a law does, its log (`tracing`, every level) and the bodies of its responses are
//!   searched for tokens and their hashes, and it fails if one is found.

mod application;
mod browser;
mod choice;
mod cookie_visitors;
mod desk;
mod exchange;
mod harness;
mod lab;
pub mod laws;
mod operation;
mod run;
mod secrets;
mod site;

pub use application::{contain, handle, untouched};
pub use cookie_visitors::COOKIE_VISITORS_EXCEPT;
pub use harness::{
    ACCOUNTS, App, CONTAINED, FOR_FRESH, FOR_USERS, FOR_VISITORS, FRESH_SECS, Harness, JAR, LOOKS,
    Mount, Panicked, UNTOUCHED, catch_panic, jar_cookie, pages,
};
pub use lab::Lab;
pub use run::{RequestLawFn, broken_by_cookie_visitors, broken_request_laws};
#[doc(hidden)]
pub use run::{hold, hold_with_cookie_visitors};

/// Makes one test of every request law, named like the law, in the module where it stands.
///
/// The argument is an `async fn` without arguments (or a closure that returns a future) that makes
/// a fresh [`Harness`]; [the module](crate::http) says where to put it.
///
/// For a database whose server may not be there, `only_if` names a function that says whether it is,
/// as for [`backend_laws!`](crate::backend_laws):
///
/// ```text
/// session_conformance::http_laws!(crate::make, only_if: crate::has_server);
/// ```
#[macro_export]
macro_rules! http_laws {
    ($make:expr $(,)?) => {
        $crate::http_laws! { $make, only_if: || true }
    };
    ($make:expr, only_if: $ready:expr $(,)?) => {
        $crate::__each_request_law! { [$crate::__request_law_tests] [$make, $ready] }
    };
}

/// The same on sites whose visitors have no rows (`anonymous_store: cookie`). The laws that do not apply there
/// are in [`COOKIE_VISITORS_EXCEPT`](crate::http::COOKIE_VISITORS_EXCEPT); their tests hold that they are broken.
///
/// Put it into `mod http_laws { mod <adapter>_over_<backend>_cookie_visitors { … } }`.
#[macro_export]
macro_rules! http_laws_of_cookie_visitors {
    ($make:expr $(,)?) => {
        $crate::http_laws_of_cookie_visitors! { $make, only_if: || true }
    };
    ($make:expr, only_if: $ready:expr $(,)?) => {
        $crate::__each_request_law! { [$crate::__cookie_visitors_law_tests] [$make, $ready] }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cookie_visitors_law_tests {
    ([$make:expr, $ready:expr] $($law:ident $promise:literal)+) => {
        $(
            #[doc = $promise]
            #[test]
            fn $law() {
                if ($ready)() {
                    let law: $crate::http::RequestLawFn =
                        |lab| ::std::boxed::Box::pin($crate::http::laws::$law(lab));
                    $crate::http::hold_with_cookie_visitors(stringify!($law), law, $make);
                }
            }
        )+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __request_law_tests {
    ([$make:expr, $ready:expr] $($law:ident $promise:literal)+) => {
        $(
            #[doc = $promise]
            #[test]
            fn $law() {
                if ($ready)() {
                    let law: $crate::http::RequestLawFn =
                        |lab| ::std::boxed::Box::pin($crate::http::laws::$law(lab));
                    $crate::http::hold(stringify!($law), law, $make);
                }
            }
        )+
    };
}
