//! What becomes of a request whose database did something and could not say so.

use std::time::Duration;

use http::StatusCode;
use session_conformance::backends::{Fault, Gate, Method};
use session_core::{BackendErrorKind, ErrorKind, SessionConfig};

use crate::handle::{Site, cookie, kind};

const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

fn site() -> Site {
    Site::new(SessionConfig::default())
}

/// A sign-out from a token in grace that never reached the database, while another request of the same
/// browser took the token away. Neither is the cookie of that one cleared, nor is it said that anybody
/// signed out who did not.
#[tokio::test]
async fn a_sign_out_is_not_read_out_of_a_rotation() {
    for way in ["reauthenticate", "sign in", "the grace is over"] {
        let site = site();
        let old = site.signed_in().await;
        let (visit, session) = site.request(&old).await;
        session.rotate().await.unwrap();
        let new = cookie(visit.finish(StatusCode::OK).await).unwrap();
        site.clock.advance(Duration::from_secs(2));

        let (visit, session) = site.request(&old).await;
        site.backend.fail(DOWN.only(Method::Remove).times(1));
        assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable), "{way}");

        let (other, meanwhile) = site.request(&new).await;
        match way {
            "reauthenticate" => meanwhile.reauthenticate().await.unwrap(),
            "sign in" => meanwhile.authenticate("ann").await.unwrap(),
            _ => site.clock.advance(Duration::from_secs(40)),
        }
        let newest = cookie(other.finish(StatusCode::OK).await).unwrap_or(new);
        let sent = cookie(visit.finish(StatusCode::SERVICE_UNAVAILABLE).await);
        let is_alive = site.request(&newest).await.1.is_authenticated();
        assert!(!is_alive || sent.is_none(), "{way}: the newer cookie was cleared: {sent:?}");
    }
}

/// A sign-out that never happened, and another request's that did: this one does not clear the cookie,
/// which somebody may have got since.
#[tokio::test]
async fn another_requests_sign_out_is_not_ours() {
    let site = site();
    let ann = site.signed_in().await;
    let (visit, session) = site.request(&ann).await;
    site.backend.fail(DOWN.only(Method::Remove).times(1));
    assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable));
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(site.request(&ann).await.1.logout().await.unwrap(), 1);
    assert_eq!(cookie(visit.finish(StatusCode::SERVICE_UNAVAILABLE).await), None);
}

/// A sign-out that failed and is asked for again has ended the session when it is `Ok`.
#[tokio::test]
async fn a_sign_out_is_never_ok_for_a_session_that_lives() {
    let site = site();
    let old = site.signed_in().await;
    let (visit, session) = site.request(&old).await;
    session.rotate().await.unwrap();
    let new = cookie(visit.finish(StatusCode::OK).await).unwrap();
    site.clock.advance(Duration::from_secs(28));

    let (_, session) = site.request(&old).await;
    site.backend.fail(DOWN.only(Method::Remove).times(1));
    assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable));
    site.clock.advance(Duration::from_secs(5));
    assert_eq!(kind(session.logout().await), None);
    assert!(!site.request(&new).await.1.is_authenticated(), "signed out, and the session lives");
}

/// The application's last word was "out", and it failed: a session that the browser has not got yet is
/// not handed to it.
#[tokio::test]
async fn a_failed_sign_out_hands_out_no_token() {
    for (name, create, find) in [
        ("signed in, and then an outage", None, DOWN),
        (
            "the answer was lost",
            Some(DOWN.only(Method::Create).times(1).answer_lost()),
            DOWN.only(Method::Find).times(1),
        ),
    ] {
        let site = site();
        let (visit, session) = site.request("").await;
        if let Some(fault) = create {
            site.backend.fail(fault);
        }
        let _ = session.authenticate("locked").await;
        site.backend.fail(find);
        assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable), "{name}");
        let sent = cookie(visit.finish(StatusCode::SERVICE_UNAVAILABLE).await);
        site.backend.recover();
        assert_eq!(sent, None, "{name}");
    }
}

/// What was written for the user before is not stored for another one.
#[tokio::test]
async fn a_lost_switch_of_user_carries_nothing() {
    for saves in [false, true] {
        let site = site();
        let ann = site.signed_in().await;
        let (visit, session) = site.request(&ann).await;
        site.backend.fail(DOWN.only(Method::Create).times(1).answer_lost());
        assert_eq!(kind(session.authenticate("bob").await), Some(ErrorKind::Unavailable));
        assert_eq!(kind(session.require_user()), Some(ErrorKind::Unavailable), "who is not known");
        session.set("role", "admin because of ann").unwrap();
        if saves {
            assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
        }
        let mut conclusion = visit.finish(StatusCode::OK).await;
        let error = conclusion.take_error();
        assert!(saves || error.is_some(), "it is not stored, and that is said");
        let bob = cookie(conclusion).expect("the token that was changed");
        let (_, session) = site.request(&bob).await;
        assert_eq!(session.user_id().unwrap().as_str(), "bob");
        assert!(!session.contains("role"));
    }
}

/// A note after a sign-out whose answer was lost, or whose future was dropped, goes into a fresh session.
#[tokio::test]
async fn what_is_written_after_a_lost_sign_out_is_stored() {
    for is_dropped in [false, true] {
        let site = site();
        let ann = site.signed_in().await;
        let (visit, session) = site.request(&ann).await;
        session.set("gone", "with the session").unwrap();
        if is_dropped {
            let stop = site.backend.stop(Method::Remove, Gate::After);
            let mut logout = Box::pin(session.logout());
            let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
            assert!(logout.as_mut().poll(context).is_pending());
            drop((logout, stop));
        } else {
            site.backend.fail(DOWN.only(Method::Remove).times(1).answer_lost());
            assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable));
        }
        session.set("note", "you are signed out").unwrap();
        let mut conclusion = visit.finish(StatusCode::OK).await;
        assert!(conclusion.take_error().is_none());
        let fresh = cookie(conclusion).expect("a cookie");
        let (_, session) = site.request(&fresh).await;
        assert!(!session.is_authenticated());
        assert_eq!(session.keys(), ["note"], "dropped: {is_dropped}");
    }
}

/// A server error drops what was buffered, also if it could not wait for its turn.
#[tokio::test(start_paused = true)]
async fn a_server_error_out_of_turn_discards_data() {
    let site = site();
    let ann = site.signed_in().await;
    let (visit, session) = site.request(&ann).await;
    let stop = site.backend.stop(Method::List, Gate::After);
    let mut held = Box::pin(session.list());
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(held.as_mut().poll(context).is_pending());
    session.set("half", true).unwrap();
    let _ = visit.finish(StatusCode::INTERNAL_SERVER_ERROR).await;
    drop(stop);
    held.await.unwrap();
    session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await.unwrap();
    assert!(!site.request(&ann).await.1.contains("half"));
}
