//! How long it lives, what changes it, and what is lost.

use super::*;

#[tokio::test]
async fn it_slides_as_a_session_does() {
    let site = Site::new();
    let store = site.store_with(|c| c.absolute_ttl_secs = Some(100_000));
    let cookie = shopper(&store).await;
    site.advance(299);
    assert_eq!(with(&store, &cookie).await.finish().await, None);
    site.advance(1);
    let request = with(&store, &cookie).await;
    let headers = request.finish_with(StatusCode::OK).await;
    let slid = headers[header::SET_COOKIE].to_str().unwrap();
    assert!(slid.contains("Max-Age=86400"), "{slid}");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(headers[header::VARY], "Cookie");
    // The absolute lifetime counts from when it was made.
    site.advance(50_000);
    let request = with(&store, slid.split(';').next().unwrap()).await;
    let headers = request.finish_with(StatusCode::OK).await;
    let bounded = headers[header::SET_COOKIE].to_str().unwrap();
    assert!(bounded.contains("Max-Age=49700"), "{bounded}");
}

#[tokio::test]
async fn a_lifetime_of_its_own_is_kept() {
    let site = Site::new();
    let store = site.store();
    let request = with(&store, "x=1").await;
    let own = Lifetime::new().idle(Duration::from_secs(3600)).persistent(false);
    request.set_lifetime(own).unwrap();
    assert_eq!(with(&store, "x=1").await.finish().await, None, "alone it makes nothing");
    request.set("cart", 1).unwrap();
    let headers = request.finish_with(StatusCode::OK).await;
    let cookie = headers[header::SET_COOKIE].to_str().unwrap();
    assert!(!cookie.contains("Max-Age"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(with(&store, cookie).await.lifetime(), own);
    site.advance(3600);
    assert!(with(&store, cookie).await.cart().is_none());
}

#[tokio::test]
async fn what_changes_nothing_sets_no_cookie_and_what_empties_it_removes_it() {
    let site = Site::new();
    let store = site.store();
    let cookie = shopper(&store).await;
    let request = with(&store, &cookie).await;
    request.set("cart", 1).unwrap();
    request.remove("nothing").unwrap();
    assert_eq!(request.finish().await, None);
    let request = with(&store, &cookie).await;
    request.remove("cart").unwrap();
    assert_eq!(request.finish().await.as_deref(), Some("_session="));
    let request = with(&store, &cookie).await;
    assert_eq!(request.logout().await.unwrap(), 0);
    assert!(request.cart().is_none());
    assert_eq!(request.finish().await.as_deref(), Some("_session="));
    let request = with(&store, &cookie).await;
    request.set("theme", "dark").unwrap();
    assert!(!request.rotate().await.unwrap());
    assert!(is_sealed(&request.finish().await.unwrap()));
    site.check_no_rows();
}

#[tokio::test]
async fn what_does_not_fit_is_too_large() {
    let store = Site::new().store();
    let request = with(&store, "x=1").await;
    let mut fits = 0;
    for len in (1000..3500).step_by(10) {
        match request.set("cart", "x".repeat(len)) {
            Ok(()) => fits = len,
            Err(error) => {
                assert_eq!((error.kind(), error.status().as_u16()), (ErrorKind::TooLarge, 413));
                break;
            }
        }
    }
    assert!((2200..2600).contains(&fits), "{fits}");
    let cookie = request.finish().await.unwrap();
    let value = cookie.strip_prefix("_session=").unwrap();
    assert!((3200..=3500).contains(&value.len()), "{}", value.len());
    let request = with(&store, &cookie).await;
    let longer = |_: Option<String>| "x".repeat(3000);
    assert_eq!(request.update("cart", longer).await.unwrap_err().kind(), ErrorKind::TooLarge);
    request.set("cart", "x".repeat(100)).unwrap();
    request.finish().await.unwrap();
}

#[tokio::test]
async fn a_server_error_drops_what_was_not_saved() {
    let store = Site::new().store();
    let request = with(&store, "x=1").await;
    request.set("cart", 1).unwrap();
    request.finish_with(StatusCode::INTERNAL_SERVER_ERROR).await;
    let headers = request.finish_with(StatusCode::INTERNAL_SERVER_ERROR).await;
    assert!(!headers.contains_key(header::SET_COOKIE));

    let request = with(&store, "x=1").await;
    request.set("cart", 1).unwrap();
    request.save().await.unwrap();
    assert_eq!(request.update("hits", |hits: Option<u32>| hits.unwrap_or(0) + 1).await.unwrap(), 1);
    request.set("dropped", 1).unwrap();
    let headers = request.finish_with(StatusCode::INTERNAL_SERVER_ERROR).await;
    let cookie = headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    assert_eq!(with(&store, cookie).await.data().to_json(), r#"{"cart":1,"hits":1}"#);
}

#[tokio::test]
async fn late_writes_are_refused() {
    let store = Site::new().store();
    let cookie = shopper(&store).await;
    let request = with(&store, &cookie).await;
    assert_eq!(request.finish().await, None);
    let late = |error: session_core::Error| assert_eq!(error.kind(), ErrorKind::LateWrite);
    late(request.set("cart", 2).unwrap_err());
    late(request.update("cart", |_: Option<u32>| 2).await.unwrap_err());
    late(request.authenticate("ann").await.unwrap_err());
    assert_eq!(request.cart(), Some(json!(1)));
}

#[tokio::test]
async fn of_several_the_one_that_was_sealed_last_counts() {
    let site = Site::new();
    let store = site.store();
    let older = shopper(&store).await;
    site.advance(400);
    let request = with(&store, &older).await;
    request.set("cart", 2).unwrap();
    let newer = request.finish().await.unwrap();
    for line in [[&*older, &newer], [&newer, &older]] {
        assert_eq!(by(&store, FIREFOX, &line).await.cart(), Some(json!(2)));
    }
}

/// What `AnonymousStore::Cookie` says that it cannot promise.
#[tokio::test]
async fn the_last_answer_wins_and_a_copy_replays() {
    let store = Site::new().store();
    let cookie = shopper(&store).await;
    let (one, other) = (with(&store, &cookie).await, with(&store, &cookie).await);
    one.set("a", 1).unwrap();
    other.set("b", 2).unwrap();
    let (_, last) = (one.finish().await.unwrap(), other.finish().await.unwrap());
    let stored = with(&store, &last).await.data();
    let has = ["a", "b", "cart"].map(|key| stored.get(key).is_some());
    assert_eq!(has, [false, true, true]);
    let request = with(&store, &cookie).await;
    request.authenticate("ann").await.unwrap();
    request.finish().await.unwrap();
    assert_eq!(with(&store, &cookie).await.cart(), Some(json!(1)), "a copy");
    let ann = UserId::new("ann").unwrap();
    assert_eq!(store.list(&ann).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_row_from_before_goes_on() {
    let site = Site::new();
    let backend = site.store_with(|c| c.anonymous_store = AnonymousStore::Backend);
    let row = shopper(&backend).await;
    assert!(!is_sealed(&row));
    let store = site.store();
    let request = with(&store, &row).await;
    assert!(request.id().is_some() && request.cart().is_some());
    request.set("cart", 2).unwrap();
    request.finish().await;
    assert_eq!(with(&store, &row).await.cart(), Some(json!(2)));
    let now = store.now();
    site.backend.ping().await.unwrap();
    assert!(site.backend.purge_expired(now, 10, session_core::PurgeReport::Count).await.is_ok());
}
