//! Random histories of the sound backends: the one in memory, and the one that `docs/custom-backends.md`
//! writes.

use session_conformance::model::{self, Cases};

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/model.txt");

#[test]
fn memory() {
    model::check(Cases::new(40, 80).remembered_in(REGRESSIONS), crate::subjects::memory);
}

#[test]
fn custom() {
    model::check(Cases::new(4, 60).remembered_in(REGRESSIONS), crate::subjects::custom);
}
