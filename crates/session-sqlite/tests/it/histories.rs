//! Random histories, each answer compared with the reference's.

use session_conformance::model::{self, Cases};

use super::backend_laws::sqlite::fresh;

#[test]
fn it_answers_as_the_reference_does() {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/model.txt");
    model::check(Cases::new(30, 60).remembered_in(regressions), fresh);
}
