//! Arguments that cannot be meant: what is said of them, and what is not.

use crate::support::run;

/// Programs read errors too.
#[test]
fn arguments_that_cannot_be_meant_are_json_where_it_was_asked_for() {
    for (arguments, says) in [
        (&["--json", "list"][..], "USER"),
        (&["lst", "--json"], "lst"),
        (&["--json"], ""),
        (&["--json", "list", "a", "postgres://u:hunter2@h/d"], "a URL"),
    ] {
        let said = run(arguments).ended_with(2);
        let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(error["error"]["kind"], "usage", "{said:?}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(says) && !message.is_empty(), "{said:?}");
        assert!(said.out.is_empty() && !said.err.contains("hunter2"), "{said:?}");
    }
}

/// The place for it was forgotten, or its name misspelt.
#[test]
fn a_url_in_the_wrong_place_is_not_repeated() {
    let url = "postgres://ops:hunter2@db.example/shop";
    for arguments in [
        &[url, "list", "alice"][..],
        &["list", "alice", url],
        &["--json=postgres://ops:hunter2@db.example/shop", "stats"],
        &["--bakend", url, "stats"],
        &["completions", url],
    ] {
        let said = run(arguments).ended_with(2);
        assert!(!said.err.contains("hunter2") && said.out.is_empty(), "{said:?}");
        assert!(said.err.starts_with("error: "), "{said:?}");
    }
}
