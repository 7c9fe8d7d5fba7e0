//! An impersonation whose own session has ended.

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use http::StatusCode;
use session_core::{ErrorKind, SessionConfig, SessionStore, UntilEnded};

use super::handle::{Site, cookie, kind};
use super::impersonation::{acting, site, user};

/// Once the own session has ended, an impersonation that a request still holds has no power.
#[tokio::test]
async fn an_impersonation_that_is_over_has_no_power() {
    for what in
        ["save", "buffered", "update", "logout_others", "logout_all", "list", "revoke", "rotate"]
    {
        let site = site();
        let (visit, session) = site.request("").await;
        session.authenticate("bob").await.unwrap();
        let bobs_id = session.id().unwrap();
        let bobs = cookie(visit.finish(StatusCode::OK).await).unwrap();
        let acting = acting(&site).await;
        let (visit, session) = site.request(&acting).await;
        assert_eq!(site.store.revoke_all(&user("ann")).await.unwrap().len(), 1);

        let refused = match what {
            "save" => {
                session.set("address", "ann's").unwrap();
                kind(session.save().await)
            }
            "buffered" => {
                session.set("address", "ann's").unwrap();
                let mut conclusion = visit.finish(StatusCode::OK).await;
                conclusion.take_error().map(|error| error.kind())
            }
            "update" => kind(session.update("n", |n: Option<u8>| n.unwrap_or(0)).await),
            "logout_others" => kind(session.logout_others().await),
            "logout_all" => kind(session.logout_all().await),
            "list" => kind(session.list().await),
            "rotate" => kind(session.rotate().await),
            _ => kind(session.revoke(bobs_id).await),
        };
        assert_eq!(refused, Some(ErrorKind::SessionEnded), "{what}");
        assert!(site.request(&bobs).await.1.is_authenticated(), "{what}");
    }
}

/// It is over as soon as the own session is, by whatever that one ended: a lifetime that was tightened counts at
/// once, whatever the record says.
#[tokio::test]
async fn ends_with_a_lifetime_that_was_tightened() {
    let mut site = site();
    let staff = site.signed_in().await;
    site.clock.advance(std::time::Duration::from_secs(3000));
    let (visit, session) = site.request(&staff).await;
    session.impersonate("bob").await.unwrap();
    let acting = cookie(visit.finish(StatusCode::OK).await).unwrap();
    // The next release has it.
    let config = SessionConfig { absolute_ttl_secs: Some(3600), ..SessionConfig::default() };
    site.store =
        SessionStore::new(site.backend.clone(), config).unwrap().with_clock(site.clock.clone());
    site.clock.advance(std::time::Duration::from_secs(1000));
    assert!(!site.request(&staff).await.1.is_authenticated());
    assert!(!site.request(&acting).await.1.is_authenticated(), "the own session is over");
}

const WITHIN: Duration = Duration::from_secs(5);

fn is_open(stream: &mut UntilEnded) -> bool {
    Pin::new(stream).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// An impersonation is over as soon as the own session of whoever acts is, and so are its streams.
#[tokio::test(start_paused = true)]
async fn the_stream_of_an_impersonation_ends_with_the_own_session() {
    for elsewhere in [false, true] {
        let site = Site::new(SessionConfig::default());
        let staff = site.signed_in().await;
        let (visit, session) = site.request(&staff).await;
        session.impersonate("bob").await.unwrap();
        let acting = cookie(visit.finish(StatusCode::OK).await).unwrap();
        let (visit, session) = site.request(&acting).await;
        let mut stream = session.until_ended();
        let _ = visit.finish(StatusCode::OK).await;
        assert!(is_open(&mut stream));
        let other = SessionStore::new(site.backend.clone(), SessionConfig::default())
            .unwrap()
            .with_clock(site.clock.clone());
        let store = if elsewhere { &other } else { &site.store };
        assert_eq!(store.revoke_all(&"ann".parse().unwrap()).await.unwrap().len(), 1);
        if !elsewhere {
            assert!(!is_open(&mut stream), "at once");
        }
        let ended = tokio::time::timeout(WITHIN, stream).await;
        assert!(ended.is_ok(), "elsewhere: {elsewhere}: whoever acts was signed out, and looks on");
    }
}

/// Who comes back leaves the stream of the impersonation behind, and the one of the own session goes on.
#[tokio::test(start_paused = true)]
async fn coming_back_ends_one_stream_of_the_two() {
    let site = Site::new(SessionConfig::default());
    let staff = site.signed_in().await;
    let (visit, session) = site.request(&staff).await;
    let mut own = session.until_ended();
    session.impersonate("bob").await.unwrap();
    let acting = cookie(visit.finish(StatusCode::OK).await).unwrap();
    let (visit, session) = site.request(&acting).await;
    let mut stream = session.until_ended();
    assert!(is_open(&mut own) && is_open(&mut stream));
    assert!(session.end_impersonation().await.unwrap());
    let _ = visit.finish(StatusCode::OK).await;
    assert!(!is_open(&mut stream));
    assert!(is_open(&mut own));
}
