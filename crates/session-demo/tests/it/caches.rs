//! What answers tell caches, and the browser's Back: a user's page is kept by nobody, a visitor's by their
//! own browser alone.

use http::Method;
use serde_json::json;

use crate::demo::Demo;

on_every_combination! {
    what_may_be_kept
}

async fn what_may_be_kept(demo: Demo) {
    let mut visitor = demo.browser();
    for _ in 0..2 {
        visitor.put("/api/data/k", &json!(1)).await.check(200);
    }
    let user = demo.signed_in("alice").await;
    for (who, browser, told) in [
        ("nobody", demo.browser(), None),
        ("a visitor", visitor, Some("private")),
        ("a user", user, Some("no-store")),
    ] {
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/devices"),
            (Method::GET, "/api/session"),
            (Method::GET, "/api/me"),
            (Method::GET, "/api/data"),
            (Method::GET, "/api/data/missing"),
            (Method::GET, "/api/sessions"),
            (Method::DELETE, "/api/data/missing"),
        ] {
            let reply = browser.clone().send(method, path, "").await;
            assert_eq!(reply.header("cache-control"), told, "{who}: {path}");
            assert_eq!(reply.header("vary"), Some("Cookie"), "{who}: {path}");
        }
        // A layer has asked who it is, and no handler.
        let reply = browser.clone().get("/api/layer-user").await;
        assert_eq!(reply.header("cache-control"), told, "{who}");
        // Nobody has asked.
        for (path, told) in [("/api/public", None), ("/style.css", Some("max-age=300"))] {
            let reply = browser.clone().get(path).await;
            assert_eq!(reply.header("cache-control"), told, "{who}: {path}");
        }
    }
}
