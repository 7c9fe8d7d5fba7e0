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

mod http_laws {
    mod bare_over_memory {
        session_conformance::http_laws!(crate::bare);
    }

    mod bare_over_memory_cookie_visitors {
        session_conformance::http_laws_of_cookie_visitors!(crate::bare);
    }
}
