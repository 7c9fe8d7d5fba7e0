//! The request laws held against an adapter without a framework, sound and deliberately faulty.

#![allow(clippy::expect_used, reason = "what fails in a test's own adapter has to be seen")]

mod bare;
mod careless;
mod careless_ended;
mod faulty;
mod secrets;
mod transports;

async fn bare() -> impl session_conformance::http::Harness {
    bare::Bare::sound()
}

/// No law is left out without need.
#[test]
fn what_visitors_without_rows_are_excepted_from_is_broken_there() {
    use session_conformance::http::{COOKIE_VISITORS_EXCEPT, broken_by_cookie_visitors};

    let broken = broken_by_cookie_visitors(bare);
    let excepted: Vec<_> = COOKIE_VISITORS_EXCEPT.iter().map(|(law, _)| *law).collect();
    assert_eq!(broken, excepted);
}

mod http_laws {
    mod bare_over_memory {
        session_conformance::http_laws!(crate::bare);
    }

    mod bare_over_memory_cookie_visitors {
        session_conformance::http_laws_of_cookie_visitors!(crate::bare);
    }
}
