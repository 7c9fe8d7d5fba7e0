//! Looking at sessions, and ending them.

use serde_json::json;

use crate::support::{AGENT, everywhere, is_time, sign_in, sign_in_and_act};

#[tokio::test]
async fn sessions_are_listed_and_shown_without_what_is_secret() {
    for place in everywhere().await {
        let name = place.name;
        let store = place.store();
        let (first, token) = sign_in(&store, "alice").await;
        let (second, _) = sign_in(&store, "alice").await;
        sign_in(&store, "bob").await;

        let listed = place.run(&["list", "alice"]).ended_with(0);
        let lines: Vec<_> = listed.out.lines().collect();
        assert_eq!(lines.len(), 3, "{name}: {listed:?}");
        assert!(lines[0].contains("DEVICE"), "{name}: {listed:?}");
        assert!(lines[1].contains(&second) && lines[2].contains(&first), "{name}: {listed:?}");
        assert!(lines[1].contains("Firefox on Linux"), "{name}: {listed:?}");
        assert!(!listed.out.contains('\u{1b}'), "{name}: no colour where no terminal is");

        let listed = place.run(&["--json", "list", "alice"]).ended_with(0).json();
        assert_eq!(listed["user"], "alice", "{name}");
        let ids = [&listed["sessions"][0]["id"], &listed["sessions"][1]["id"]];
        assert_eq!(ids, [&second, &first], "{name}");

        let shown = place.run(&["show", &first]).ended_with(0);
        for part in ["alice", "Firefox on Linux", "203.0.113.7", AGENT, first.as_str()] {
            assert!(shown.out.contains(part), "{name}: {part}: {shown:?}");
        }
        let data = place.run(&["show", &first, "--data"]).ended_with(0);
        let as_json = place.run(&["show", &first, "--json"]).ended_with(0);
        let with_data = place.run(&["show", &first, "--data", "--json"]).ended_with(0).json();
        assert!(data.out.contains("stored by the application"), "{name}: {data:?}");
        assert_eq!(with_data["data"], json!({"pin": "stored by the application"}), "{name}");
        for said in [&shown, &as_json] {
            assert!(!said.out.contains("stored by"), "{name}: not unless asked: {said:?}");
        }
        assert_eq!(as_json.json()["keys"], 1, "{name}");
        assert!(is_time(&as_json.json()["expires_at"]), "{name}: {as_json:?}");
        for said in [shown, data, as_json] {
            assert!(!said.out.contains(&token), "{name}: a token");
        }
    }
}

#[tokio::test]
async fn who_acts_in_a_users_place_is_named() {
    for place in everywhere().await {
        let name = place.name;
        let (id, _) = sign_in_and_act(&place.store(), "support", Some("alice")).await;
        let listed = place.run(&["list", "alice"]).ended_with(0);
        assert!(listed.out.contains("Firefox on Linux (support acts here)"), "{name}: {listed:?}");
        let shown = place.run(&["show", &id, "--json"]).ended_with(0).json();
        assert_eq!((&shown["user"], &shown["impersonator"]), (&json!("alice"), &json!("support")));
    }
}

#[tokio::test]
async fn sessions_are_ended_one_by_one_by_user_and_all() {
    for place in everywhere().await {
        let name = place.name;
        let store = place.store();
        let (first, _) = sign_in(&store, "alice").await;
        let (second, _) = sign_in(&store, "alice").await;
        let (third, _) = sign_in(&store, "bob").await;
        for _ in 0..2 {
            sign_in(&store, "carol").await;
        }
        let stats = json!({"live": 5, "signed_in": 5, "visitors": 0, "users": 3});
        assert_eq!(place.run(&["stats", "--json"]).ended_with(0).json(), stats, "{name}");

        place.run(&["end", &first]).ended_with(0);
        place.run(&["end", &first]).ended_with(3);
        let ended = place.run(&["end-user", "alice", "--json"]).ended_with(0).json();
        assert_eq!(ended, json!({"user": "alice", "ended": [second]}), "{name}");
        place.run(&["end-user", "alice"]).ended_with(3);

        let refused = place.run(&["end-all"]).ended_with(2);
        assert!(refused.err.contains("--yes"), "{name}: {refused:?}");
        place.run(&["show", &third]).ended_with(0);
        let all = place.run(&["end-all", "--yes", "--json"]).ended_with(0).json();
        assert_eq!(all, json!({"ended": 3}), "{name}");
        assert_eq!(place.run(&["stats", "--json"]).json()["live"], 0, "{name}");
        let none = place.run(&["end-all", "--yes"]).ended_with(0);
        assert_eq!(none.out, "ended 0 sessions\n", "{name}");
    }
}

#[tokio::test]
async fn what_expired_is_purged_and_nothing_else() {
    for place in everywhere().await {
        let name = place.name;
        let (old, _) = sign_in(&place.store_ago(31 * 24 * 3600), "alice").await;
        let (new, _) = sign_in(&place.store(), "bob").await;
        place.run(&["show", &old]).ended_with(3);
        assert_eq!(place.run(&["purge"]).ended_with(0).out, "purged 1 session\n", "{name}");
        assert_eq!(place.run(&["purge", "--json"]).json(), json!({"purged": 0}), "{name}");
        place.run(&["show", &new]).ended_with(0);
    }
}

/// A lifetime that the application tightened counts here too.
#[tokio::test]
async fn the_applications_configuration_counts() {
    for place in everywhere().await {
        let (id, _) = sign_in(&place.store_ago(7200), "alice").await;
        let file = place.folder.path().join("sessions.yaml");
        std::fs::write(&file, "absolute_ttl_secs: 3600\n").unwrap();
        place.run(&["show", &id]).ended_with(0);
        place.run(&["show", &id, "--config", file.to_str().unwrap()]).ended_with(3);
    }
}
