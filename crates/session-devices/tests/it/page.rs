//! The page, and its forms.

use session_devices::{DevicesApi, DevicesPage};

use crate::site::{FIREFOX, Place};

everywhere! {
    it_shows_every_device
    one_is_ended
    others_and_all_are_ended
    of_another_user_nothing_is_ended_and_nothing_told
    visitors_are_sent_to_sign_in
    support_staff_is_named
}

const PAGE: &str = "/account/devices";

async fn it_shows_every_device(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let alone = here.get(PAGE).await.page(200);
    assert!(alone.contains("You are signed in nowhere else.") && !alone.contains("End all others"));
    let _there = site.signed_in_with("alice", FIREFOX).await;
    let _stranger = site.signed_in("bob").await;

    let reply = here.get(PAGE).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-frame-options"), "DENY");
    assert_eq!(reply.header("referrer-policy"), "same-origin");
    let policy = reply.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = reply.page(200);
    for expected in [
        "<html lang=\"en\" dir=\"ltr\">",
        "<title>Your devices</title>",
        "<strong class=\"name\">alice</strong>",
        "Chrome on macOS",
        "Firefox on Windows",
        "just now",
        "<time datetime=\"20",
        "action=\"/account/devices/logout-others\"",
        "action=\"/account/devices/logout-all\"",
        "aria-label=\"End session of Firefox on Windows, last seen just now\"",
        "href=\"/account/devices/style.css\"",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert_eq!(page.matches("This device").count(), 1);
    for id in here.ids().await {
        assert_eq!(page.matches(&format!("action=\"{PAGE}/{id}/revoke\"")).count(), 1);
    }
    let style = here.get("/account/devices/style.css").await.check(200);
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(style.body, session_devices::STYLE);
    let head = here.send(http::Method::HEAD, PAGE, &[]).await.check(200);
    assert_eq!(head.header("content-type"), "text/html; charset=utf-8");
}

async fn one_is_ended(place: Place) {
    let site = place.site(DevicesPage::new().after_sign_out("/bye"), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let mut there = site.signed_in("alice").await;
    let ids = here.ids().await;
    let (own, other) = (&ids[0], &ids[1]);
    let revoke = |id: &str| format!("{PAGE}/{id}/revoke");

    here.post(&revoke(other)).await.leads_to(PAGE);
    assert!(!there.is_signed_in().await);
    // Sent twice, or by a page that is not up to date.
    here.post(&revoke(other)).await.leads_to(PAGE);
    for malformed in ["nonsense", "%ff", "..%2F", "0", other.get(1..).unwrap()] {
        let page = here.post(&revoke(malformed)).await.page(400);
        assert!(page.contains("<h1>Not found</h1>"), "{page}");
    }
    assert_eq!(here.ids().await, std::slice::from_ref(own));

    here.post(&revoke(own)).await.leads_to("/bye");
    assert_eq!(here.cookie, None);
    here.post(&revoke(own)).await.page(401);
}

async fn others_and_all_are_ended(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let mut there = site.signed_in("alice").await;
    let mut stranger = site.signed_in("bob").await;
    here.post("/account/devices/logout-others").await.leads_to(PAGE);
    assert!(!there.is_signed_in().await && here.is_signed_in().await);

    let mut there = site.signed_in("alice").await;
    here.post("/account/devices/logout-all").await.leads_to("/");
    assert_eq!(here.cookie, None);
    assert!(!there.is_signed_in().await && stranger.is_signed_in().await);
}

async fn of_another_user_nothing_is_ended_and_nothing_told(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    let mut bob = site.signed_in("bob").await;
    let id = alice.ids().await.remove(0);
    // The first use of a session sends its cookie anew.
    assert!(bob.is_signed_in().await);
    let theirs = bob.post(&format!("{PAGE}/{id}/revoke")).await.leads_to(PAGE);
    let unknown = bob.post(&format!("{PAGE}/01ARZ3NDEKTSV4RRFFQ69G5FAV/revoke")).await;
    assert_eq!((theirs.headers, theirs.body), (unknown.headers.clone(), unknown.body.clone()));
    unknown.leads_to(PAGE);
    assert!(alice.is_signed_in().await);
}

async fn visitors_are_sent_to_sign_in(place: Place) {
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let forms = [format!("{id}/revoke"), "logout-others".to_owned(), "logout-all".to_owned()];
    for sign_in in [None, Some("/sign-in")] {
        let page = DevicesPage::new();
        let page = match sign_in {
            Some(path) => page.sign_in_page(path),
            None => page,
        };
        let site = place.site(page, DevicesApi::new());
        let mut visitor = site.browser();
        let mut replies = vec![visitor.get(PAGE).await];
        for form in &forms {
            replies.push(visitor.post(&format!("{PAGE}/{form}")).await);
        }
        for reply in replies {
            match sign_in {
                Some(path) => drop(reply.leads_to(&format!("{path}?next=%2Faccount%2Fdevices"))),
                None => assert!(reply.page(401).contains("<h1>Not signed in</h1>")),
            }
        }
        assert_eq!(visitor.cookie, None);
    }
}

/// Who acts in a user's place is seen by the user, and ended like any other.
async fn support_staff_is_named(place: Place) {
    let site = place.site(DevicesPage::new(), DevicesApi::new());
    let mut here = site.signed_in("alice").await;
    let mut staff = site.signed_in_with("%3Csup%3E", FIREFOX).await;
    staff.post("/act-for/alice").await.check(200);
    let page = here.get(PAGE).await.page(200);
    assert!(page.contains("&#60;sup&#62; acts for you here"), "{page}");
    let listed = here.get("/api/devices").await.json();
    let by: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|s| &s["impersonator"]).collect();
    assert!(by.contains(&&serde_json::json!("<sup>")), "{listed}");
    here.post(&format!("{PAGE}/logout-others")).await.check(303);
    assert!(!here.get(PAGE).await.page(200).contains("acts for you here"));
    assert!(!staff.is_signed_in().await, "the user ended it");
}
