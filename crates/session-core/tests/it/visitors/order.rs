//! Several cookies of one visitor, and visitors beside accounts.

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
