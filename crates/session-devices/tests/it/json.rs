//! The same for programs.

use serde_json::json;
use session_devices::{DevicesApi, DevicesPage};

use crate::site::{FIREFOX, Place};

everywhere! {
    the_list
    ending_one
    ending_the_others_and_all
    visitors_are_told
}

const API: &str = "/api/devices";

async fn the_list(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let _there = site.signed_in_with("alice", FIREFOX).await;
    let _stranger = site.signed_in("bob").await;
    let reply = here.get(API).await.check(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    let body = reply.json();
    let sessions = body["sessions"].as_array().unwrap();
    let mut seen: Vec<_> = sessions
        .iter()
        .map(|one| (one["device_name"].as_str().unwrap(), one["current"].as_bool().unwrap()))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [("Chrome on macOS", true), ("Firefox on Windows", false)]);
    for session in sessions {
        let mut keys: Vec<_> = session.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "created_at",
                "current",
                "device_name",
                "device_type",
                "expires_at",
                "id",
                "ip_address",
                "last_active_at",
                "last_ip_address"
            ]
        );
    }
}

async fn ending_one(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let mut there = site.signed_in("alice").await;
    let mut stranger = site.signed_in("bob").await;
    let ids = here.ids().await;
    let path = |id: &str| format!("{API}/{id}");

    // The first use of a session sends its cookie anew.
    assert!(stranger.is_signed_in().await);
    let theirs = stranger.delete(&path(&ids[1])).await.error(404, "no_such_session");
    let unknown = stranger.delete(&path("01ARZ3NDEKTSV4RRFFQ69G5FAV")).await;
    assert_eq!((theirs.headers, theirs.body), (unknown.headers, unknown.body));
    assert!(there.is_signed_in().await);
    for malformed in ["nonsense", "%ff", "logout-all"] {
        let reply = here.delete(&path(malformed)).await;
        if malformed == "logout-all" {
            reply.check(405);
        } else {
            reply.error(400, "invalid_id");
        }
    }

    assert_eq!(here.delete(&path(&ids[1])).await.check(200).json(), json!({ "ended": 1 }));
    assert!(!there.is_signed_in().await);
    here.delete(&path(&ids[1])).await.error(404, "no_such_session");
    // This one: with a removal cookie.
    let own = ids[0].to_lowercase();
    assert_eq!(here.delete(&path(&own)).await.check(200).json(), json!({ "ended": 1 }));
    assert_eq!(here.cookie, None);
}

async fn ending_the_others_and_all(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let mut there = site.signed_in("alice").await;
    let ended = here.post("/api/devices/logout-others").await.check(200).json();
    assert_eq!(ended, json!({ "ended": 1 }));
    assert!(!there.is_signed_in().await);
    let mut there = site.signed_in("alice").await;
    let ended = here.post("/api/devices/logout-all").await.check(200).json();
    assert_eq!(ended, json!({ "ended": 2 }));
    assert!(here.cookie.is_none() && !there.is_signed_in().await);
}

async fn visitors_are_told(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut visitor = site.browser();
    visitor.get(API).await.error(401, "unauthenticated");
    // Before anything is said of the id.
    visitor.delete("/api/devices/nonsense").await.error(401, "unauthenticated");
    visitor.post("/api/devices/logout-others").await.error(401, "unauthenticated");
    visitor.post("/api/devices/logout-all").await.error(401, "unauthenticated");
    assert_eq!(visitor.cookie, None);
}
