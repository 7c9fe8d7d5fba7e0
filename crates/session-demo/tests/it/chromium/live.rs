//! An open page notices that its session has ended.

use serde_json::Value;

use super::person::Person;
use crate::demo::{Demo, Framework};

in_chromium_over_databases! {
    an_open_page_notices_the_end
}

mod restarted {
    use super::a_stopped_server_is_no_end;

    in_chromium! {
        a_stopped_server_is_no_end
    }
}

/// The sentence that only the script shows.
const NOTICE: &str = "#ended:not([hidden])";

async fn an_open_page_notices_the_end(demo: Demo) {
    let person = Person::at(&demo).await;
    person.sign_in("alice").await;
    assert!(person.texts(NOTICE).await.is_empty(), "she is signed in");
    let mut elsewhere = demo.signed_in("alice").await;
    elsewhere.post("/api/logout-others", &Value::Null).await.check(200);
    person.see(NOTICE).await;
    person.click("#ended a").await;
    person.see("#told").await;
}

/// The page listens again, and its user is signed in as before.
async fn a_stopped_server_is_no_end(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let person = Person::at(&demo).await;
    person.sign_in("alice").await;
    let port = demo.address.port();
    let folder = demo.stopped().await;
    let options = ["--framework", framework.name(), "--backend", "sqlite:new/demo.db"];
    let demo = Demo::launch_at(port, folder, &options).await;
    let mut elsewhere = demo.signed_in("alice").await;
    assert!(person.texts(NOTICE).await.is_empty(), "the server's end is not the session's");
    elsewhere.post("/api/logout-others", &Value::Null).await.check(200);
    person.see(NOTICE).await;
}
