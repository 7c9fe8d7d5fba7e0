//! Random histories, each answer compared with the reference's.

use session_conformance::model::{self, Cases};
use session_test_servers::given::has_postgres;

use super::backend_laws::Database;
use super::support::Place;

async fn fresh() -> Database {
    let place = Place::new();
    Database::over(place.backend().await, place, None, None)
}

#[test]
fn it_answers_as_the_reference_does() {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/model.txt");
    if has_postgres() {
        model::check(Cases::new(4, 100).remembered_in(regressions), fresh);
    }
}
