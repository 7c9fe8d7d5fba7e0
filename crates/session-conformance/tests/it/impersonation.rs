//! Coming back from an impersonation while the database fails.

use http::StatusCode;
use session_conformance::backends::{Fault, Method};
use session_core::{BackendErrorKind, ErrorKind, SessionConfig, SessionStore, UserId};

use super::handle::{Site, cookie, kind};

pub(crate) fn site() -> Site {
    Site::new(SessionConfig::default())
}

pub(crate) async fn live(store: &SessionStore, name: &str) -> usize {
    store.list(&user(name)).await.unwrap().len()
}

pub(crate) fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

/// `ann`, who acts as `bob`: the cookie.
pub(crate) async fn acting(site: &Site) -> String {
    let staff = site.signed_in().await;
    let (visit, session) = site.request(&staff).await;
    session.impersonate("bob").await.unwrap();
    cookie(visit.finish(StatusCode::OK).await).expect("a cookie")
}

/// What takes the impersonation off the list failed, or has not come to it. Its token is worth nothing all
/// the same, and what still comes with it does not replace the cookie of whoever came back.
#[tokio::test]
async fn what_is_left_of_it_is_worth_nothing() {
    let site = Site::new(SessionConfig::default());
    let staff = site.signed_in().await;
    let (visit, session) = site.request(&staff).await;
    session.impersonate("bob").await.unwrap();
    let acting = cookie(visit.finish(StatusCode::OK).await).expect("a cookie");

    let (visit, session) = site.request(&acting).await;
    site.backend.fail(Fault::new(BackendErrorKind::Unavailable).only(Method::Remove));
    assert_eq!(kind(session.end_impersonation().await), Some(ErrorKind::Unavailable));
    site.backend.recover();
    let back = cookie(visit.finish(StatusCode::OK).await).expect("the token is told");
    assert_eq!(site.request(&back).await.1.user_id().unwrap().as_str(), "ann");

    let bob: UserId = "bob".parse().unwrap();
    assert_eq!(site.store.list(&bob).await.unwrap().len(), 1, "it is left");
    let (visit, session) = site.request(&acting).await;
    assert!(!session.is_authenticated() && !session.may_store());
    assert_eq!(cookie(visit.finish(StatusCode::OK).await), None);
    assert!(site.store.list(&bob).await.unwrap().is_empty(), "and is gone");
}
