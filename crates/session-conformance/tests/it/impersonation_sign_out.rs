//! A sign-out of somebody who acts in a user's place ends both sessions, whatever becomes of it.

use std::pin::pin;
use std::task::{Context, Waker};

use http::StatusCode;
use session_conformance::backends::{Fault, Gate, Method};
use session_core::{AccountSlots, BackendErrorKind, ErrorKind, Peer, Transport};

use super::handle::{cookie, kind};
use super::impersonation::{acting, live, site, user};

const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

/// Who signs out of both is signed out of both, whenever the database failed.
#[tokio::test]
async fn a_sign_out_that_failed_and_is_asked_for_again_ends_both() {
    for (name, fault) in [
        ("the first call", DOWN.only(Method::Remove).times(1)),
        ("the first answer", DOWN.only(Method::Remove).times(1).answer_lost()),
    ] {
        let site = site();
        let acting = acting(&site).await;
        let (_, session) = site.request(&acting).await;
        site.backend.fail(fault);
        assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable), "{name}");
        session.logout().await.unwrap();
        assert_eq!(
            (live(&site.store, "ann").await, live(&site.store, "bob").await),
            (0, 0),
            "{name}"
        );
    }
    // The second call of the two.
    let site = site();
    let acting = self::acting(&site).await;
    let (_, session) = site.request(&acting).await;
    let (first, second) = (
        site.backend.stop(Method::Remove, Gate::Before),
        site.backend.stop(Method::Remove, Gate::Before),
    );
    first.pass();
    second.refuse(BackendErrorKind::Unavailable);
    assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable), "the second call");
    session.logout().await.unwrap();
    assert_eq!((live(&site.store, "ann").await, live(&site.store, "bob").await), (0, 0));
}

/// The same of a sign-out everywhere.
#[tokio::test]
async fn a_sign_out_everywhere_ends_the_own_session_too() {
    for fault in [
        DOWN.only(Method::RemoveUser).times(1),
        DOWN.only(Method::RemoveUser).times(1).answer_lost(),
        DOWN.only(Method::Remove).times(1),
        DOWN.only(Method::Remove).times(1).answer_lost(),
    ] {
        let site = site();
        let acting = acting(&site).await;
        let (visit, session) = site.request(&acting).await;
        site.backend.fail(fault);
        assert_eq!(kind(session.logout_all().await), Some(ErrorKind::Unavailable));
        let _ = visit.finish(StatusCode::SERVICE_UNAVAILABLE).await;
        // Asked for again, with the same cookie.
        let (_, session) = site.request(&acting).await;
        let _ = session.logout_all().await;
        assert_eq!(
            (live(&site.store, "ann").await, live(&site.store, "bob").await),
            (0, 0),
            "{fault:?}"
        );
    }
    // One that was ended by the user has no power over anybody.
    let site = site();
    let acting = self::acting(&site).await;
    let (_, session) = site.request(&acting).await;
    site.store.revoke_all(&user("bob")).await.unwrap();
    assert_eq!(kind(session.logout_all().await), Some(ErrorKind::SessionEnded));
    assert_eq!(live(&site.store, "ann").await, 1);
}

/// A sign-out whose future was dropped at any moment has ended both or is asked for again: with the cookie
/// that the browser has then, nobody stays signed in.
#[tokio::test]
async fn a_sign_out_that_was_dropped_leaves_no_half() {
    for gate in [Gate::Before, Gate::After] {
        for which in 0..2 {
            let site = site();
            let acting = acting(&site).await;
            // The token is seen.
            let (visit, _) = site.request(&acting).await;
            let _ = visit.finish(StatusCode::OK).await;
            let (visit, session) = site.request(&acting).await;
            {
                let stops: Vec<_> =
                    (0..=which).map(|_| site.backend.stop(Method::Remove, gate)).collect();
                stops[..which].iter().for_each(session_conformance::backends::Stop::pass);
                let mut logout = pin!(session.logout());
                let context = &mut Context::from_waker(Waker::noop());
                for _ in 0..4 {
                    assert!(logout.as_mut().poll(context).is_pending());
                }
            }
            let sent = cookie(visit.finish(StatusCode::OK).await);
            // The user clicks again, with what the browser has.
            let (_, session) = site.request(sent.as_deref().unwrap_or(&acting)).await;
            session.logout().await.unwrap();
            let left = (live(&site.store, "ann").await, live(&site.store, "bob").await);
            assert_eq!(left, (0, 0), "{gate:?} {which}");
        }
    }
}

/// A sign-out of all slots ends what stands behind an impersonation in another one.
#[tokio::test]
async fn a_sign_out_of_all_slots_ends_both() {
    let site = site();
    let transport = Transport::default().accounts(AccountSlots::path("/u"), &site.store).unwrap();
    let request = async |path: &str, cookies: &str| {
        let uri: http::Uri = path.parse().unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::COOKIE, cookies.parse().unwrap());
        let visit = site.store.begin_by(&transport, &uri, &headers).unwrap();
        visit.attach(&http::Method::GET, &uri, &headers, Peer::Unknown, None);
        let session = visit.load().await.unwrap();
        (visit, session)
    };
    let (visit, session) = request("/u/1/x", "").await;
    session.authenticate("ann").await.unwrap();
    let staff = cookie(visit.finish(StatusCode::OK).await).unwrap();
    let (visit, session) = request("/u/1/x", &staff).await;
    session.impersonate("bob").await.unwrap();
    let acting = cookie(visit.finish(StatusCode::OK).await).unwrap();

    // Once the own session is over nobody is signed in there.
    let (_, session) = request("/", &acting).await;
    assert_eq!(session.accounts().await.unwrap().len(), 1);
    let (_, session) = request("/", &acting).await;
    session.logout_all_slots().await.unwrap();
    assert_eq!((live(&site.store, "ann").await, live(&site.store, "bob").await), (0, 0));

    let (visit, session) = request("/u/1/x", "").await;
    session.authenticate("ann").await.unwrap();
    let staff = cookie(visit.finish(StatusCode::OK).await).unwrap();
    let (visit, session) = request("/u/1/x", &staff).await;
    session.impersonate("bob").await.unwrap();
    let acting = cookie(visit.finish(StatusCode::OK).await).unwrap();
    site.store.revoke_all(&user("ann")).await.unwrap();
    let (_, session) = request("/", &acting).await;
    assert!(session.accounts().await.unwrap().is_empty(), "an account that nobody can use");
}
