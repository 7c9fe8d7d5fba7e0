//! Where two of the handle's promises meet: lifetimes beside failures, tokens that are presented once, and
//! answers that nobody hears.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use session_conformance::backends::{Fault, Gate, Method};
use session_core::{BackendErrorKind, ErrorKind, Lifetime, SessionConfig, SessionToken};

use crate::handle::{Site, cookie, kind};

const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

fn site() -> Site {
    Site::new(SessionConfig::default())
}

fn an_hour() -> Lifetime {
    Lifetime::new().idle(Duration::from_secs(3600))
}

/// What an explicit `save` is given is sent, a lifetime that equals the loaded one too: another request may
/// have given the session another one since.
#[tokio::test]
async fn a_lifetime_that_is_saved_explicitly_is_sent() {
    let site = site();
    let ann = site.signed_in().await;
    let (_, first) = site.request(&ann).await;
    let (_, second) = site.request(&ann).await;
    second.set_lifetime(an_hour()).unwrap();
    second.save().await.unwrap();
    first.set_lifetime(Lifetime::new()).unwrap();
    first.save().await.unwrap();
    assert_eq!(site.request(&ann).await.1.lifetime(), Lifetime::new());
}

/// A save that never reached the database keeps its lifetime, also if what another request wrote looks like
/// the data that was to be saved.
#[tokio::test]
async fn a_lifetime_is_not_lost_with_a_save_that_failed() {
    let site = site();
    let ann = site.signed_in().await;
    let (visit, session) = site.request(&ann).await;
    session.remove("flash").unwrap();
    session.set_lifetime(an_hour()).unwrap();
    site.backend.fail(DOWN.only(Method::Update).times(1));
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    let (_, other) = site.request(&ann).await;
    other.set("other", 1).unwrap();
    other.save().await.unwrap();
    let mut conclusion = visit.finish(StatusCode::OK).await;
    assert!(conclusion.take_error().is_none());
    assert_eq!(site.request(&ann).await.1.lifetime(), an_hour());
}

/// A write whose answer was lost may still be stored after the request has looked. What the request then puts
/// back is sent, though it looks unchanged.
#[tokio::test]
async fn what_is_put_back_after_a_lost_answer_is_sent() {
    let site = site();
    let ann = site.signed_in().await;
    let (visit, session) = site.request(&ann).await;
    session.set("n", 2).unwrap();
    site.backend.fail(DOWN.only(Method::Update).times(1));
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    // It looks, and finds nothing of it.
    session.logout_others().await.unwrap();
    session.set("n", 1).unwrap();
    let (_, late) = site.request(&ann).await;
    late.set("n", 2).unwrap();
    late.save().await.unwrap();
    let mut conclusion = visit.finish(StatusCode::OK).await;
    assert!(conclusion.take_error().is_none());
    assert_eq!(site.request(&ann).await.1.get::<u64>("n").unwrap(), Some(1));
}

/// Other sessions whose tokens came along give a sign-in no right to renew the one that was ended meanwhile.
#[tokio::test]
async fn a_sign_out_of_others_does_not_let_the_ended_return() {
    let site = site();
    let ann = site.signed_in().await;
    let (visit, session) = site.request("").await;
    session.set("mine", 1).unwrap();
    let own = cookie(visit.finish(StatusCode::OK).await).unwrap();
    for with_own in [false, true] {
        let ann = if with_own { site.signed_in().await } else { ann.clone() };
        let mut cookies = ann.clone();
        if with_own {
            for _ in 0..3 {
                let unknown = SessionToken::generate().unwrap();
                cookies += &format!("; _session={}", unknown.expose());
            }
            cookies += &format!("; {own}");
        }
        let (_, slow) = site.request(&cookies).await;
        assert!(slow.is_authenticated());
        site.store.revoke_all(&"ann".try_into().unwrap()).await.unwrap();
        slow.logout().await.unwrap();
        let renewed = slow.authenticate("ann").await;
        assert_eq!(kind(renewed), Some(ErrorKind::SessionEnded), "with its own: {with_own}");
    }
}

/// A token that no response told of is an event, also if the client went away while the response saved.
#[tokio::test]
async fn a_token_is_lost_with_a_response_that_was_dropped() {
    let events: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = events.clone();
    let mut site = site();
    site.store = site.store.on_event(move |event| {
        seen.lock().unwrap().push(format!("{:?}", event.kind));
    });
    let (visit, session) = site.request("").await;
    session.authenticate("ann").await.unwrap();
    session.set("a", 1).unwrap();
    let stop = site.backend.stop(Method::Update, Gate::Before);
    {
        let mut finish = Box::pin(visit.finish(StatusCode::OK));
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(finish.as_mut().poll(context).is_pending());
    }
    drop((visit, session, stop));
    let events = events.lock().unwrap();
    assert!(events.iter().any(|event| event == "TokenLost"), "{events:?}");
}

/// A sign-out whose token was replaced while it ran ends the session all the same, also if it is the first that
/// its token was presented with, and whoever signs out may sign in again at once.
#[tokio::test]
async fn a_slow_sign_out_ends_a_session_that_was_renewed_meanwhile() {
    for secs in [1, 11] {
        let site = site();
        let ann = site.signed_in().await;
        let (_, slow) = site.request(&ann).await;
        let (_, fast) = site.request(&ann).await;
        fast.reauthenticate().await.unwrap();
        site.clock.advance(Duration::from_secs(secs));
        assert_eq!(slow.logout().await.unwrap(), 1, "after {secs} s");
        let left = site.store.list(&"ann".try_into().unwrap()).await.unwrap();
        assert!(left.is_empty(), "after {secs} s: {left:?}");
        slow.authenticate("ann").await.unwrap();
    }
}

/// To mark a token as seen is no condition for a sign-out.
#[tokio::test]
async fn a_sign_out_needs_no_more_than_its_own_call() {
    let site = site();
    let ann = site.signed_in().await;
    let (visit, session) = site.request(&ann).await;
    site.backend.fail(DOWN.only(Method::Update));
    assert_eq!(session.logout().await.unwrap(), 1);
    assert_eq!(cookie(visit.finish(StatusCode::OK).await).unwrap(), "_session=");

    // One that fails tells no cookie, and least of all one that slid.
    site.backend.recover();
    let ann = site.signed_in().await;
    let (visit, session) = site.request(&ann).await;
    site.backend.fail(DOWN.only(Method::Remove).times(1));
    assert_eq!(kind(session.logout().await), Some(ErrorKind::Unavailable));
    assert_eq!(cookie(visit.finish(StatusCode::SERVICE_UNAVAILABLE).await), None);
}

/// An id or a token that is in use already is minted anew, twice; all else of the sign-in stays.
#[tokio::test]
async fn a_sign_in_whose_id_is_taken_is_made_anew() {
    for (conflicts, expected) in [(2, None), (3, Some(ErrorKind::BackendFailed))] {
        let site = site();
        let (visit, session) = site.request("").await;
        let conflict = Fault::new(BackendErrorKind::Conflict).only(Method::Create);
        site.backend.fail(conflict.times(conflicts));
        session.set("cart", "tea").unwrap();
        session.set_lifetime(an_hour()).unwrap();
        let signed_in = session.authenticate("ann").await;
        assert_eq!(kind(signed_in), expected, "{conflicts} conflicts");
        if expected.is_none() {
            let cookie = cookie(visit.finish(StatusCode::OK).await).unwrap();
            let (_, session) = site.request(&cookie).await;
            assert_eq!(session.user_id().unwrap().as_str(), "ann");
            assert_eq!(session.get::<String>("cart").unwrap().as_deref(), Some("tea"));
            assert_eq!(session.lifetime(), an_hour());
        }
    }
}
