//! Several cookies of one visitor, and visitors beside accounts.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use session_core::{AccountSlots, Peer, Transport};

use super::{Site, by, shopper};

/// The one that was sealed last counts, also if nothing had to be slid.
#[tokio::test]
async fn of_several_the_one_that_was_sealed_last_counts() {
    let site = Site::new();
    let store = site.store_with(|config| config.cookie.domains = vec!["shop.example".to_owned()]);
    let first = shopper(&store).await;
    site.advance(10);
    // From now on under the tenant's domain: browsers keep the one before beside it.
    let request = by(&store, super::FIREFOX, &[&first]).await;
    request.set_cookie_domain("shop.example").unwrap();
    request.set("cart", 2).unwrap();
    let second = request.finish().await.unwrap();
    for cookies in [[&*first, &*second], [&*second, &*first]] {
        let request = by(&store, super::FIREFOX, &[&cookies.join("; ")]).await;
        assert_eq!(request.cart(), Some(2.into()), "what was stored last is lost");
    }
}

/// In another slot than the first a visitor has a row, and the room of one.
#[tokio::test]
async fn a_visitor_of_another_slot_has_the_room_of_a_row() {
    let site = Site::new();
    let store = site.store();
    let transport = Transport::default().accounts(AccountSlots::path("/u"), &store).unwrap();
    let uri = Uri::from_static("/u/1/x");
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, HeaderValue::from_static("x=1"));
    let visit = store.begin_by(&transport, &uri, &headers).unwrap();
    visit.attach(&Method::GET, &uri, &headers, Peer::Ip([127, 0, 0, 1].into()), None);
    let session = visit.load().await.unwrap();
    session.set("cart", "x".repeat(6000)).unwrap();
    assert!(visit.finish(StatusCode::OK).await.take_error().is_none());
}
