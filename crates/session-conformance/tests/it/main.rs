//! The suite's own tests: sound backends keep every law, and each faulty one breaks exactly one.
//! And those of the backend for the tests of applications.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests assert as the tests themselves do"
)]

mod backend_laws;
mod backends;
mod custom_backend;
mod docs;
mod edges;
mod faulty;
mod handle;
#[cfg(feature = "model")]
mod histories;
mod impersonation;
mod impersonation_lost;
mod impersonation_over;
mod impersonation_sign_out;
mod lost_answers;
mod outage_order;
mod slots_and_retries;
mod streams;
mod streams_of_a_runtime;
mod subjects;
