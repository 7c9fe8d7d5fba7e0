//! Acting in a user's place while answers are lost and futures are dropped.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use http::StatusCode;
use session_conformance::backends::{Fault, Gate, Method};
use session_core::{BackendErrorKind, ErrorKind, FlashLevel, SessionConfig, UserId};

use super::handle::{Site, cookie, kind};
use super::impersonation::{acting, live, site, user};

const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

/// What was written in the user's place does not go into the session of whoever acted there.
#[tokio::test]
async fn a_lost_way_back_mixes_no_data() {
    for is_dropped in [false, true] {
        let site = site();
        let acting = acting(&site).await;
        let (visit, session) = site.request(&acting).await;
        session.set("address", "bob's").unwrap();
        session.flash(FlashLevel::Info, "back again").unwrap();
        if is_dropped {
            let stop = site.backend.stop(Method::Update, Gate::After);
            {
                let mut back = Box::pin(session.end_impersonation());
                let context = &mut Context::from_waker(Waker::noop());
                // The first request of a token marks it before.
                while site.backend.calls().update < 1 {
                    assert!(back.as_mut().poll(context).is_pending());
                }
                assert!(back.as_mut().poll(context).is_pending());
            }
            drop(stop);
        } else {
            site.backend.fail(DOWN.only(Method::Update).times(1).answer_lost());
            assert_eq!(kind(session.end_impersonation().await), Some(ErrorKind::Unavailable));
        }
        let mut conclusion = visit.finish(StatusCode::OK).await;
        assert!(conclusion.take_error().is_none(), "dropped: {is_dropped}");
        let back = cookie(conclusion).expect("the token that was changed");
        let (_, session) = site.request(&back).await;
        assert_eq!(session.user_id().unwrap(), user("ann"));
        assert!(!session.contains("address"), "dropped: {is_dropped}: bob's data in ann's session");
        assert_eq!(session.take_flashes().unwrap().len(), 1, "dropped: {is_dropped}");
        assert_eq!(live(&site.store, "bob").await, 0, "dropped: {is_dropped}: it is on the list");
    }
}

/// An impersonation whose answer was lost is told of as one, and not as a sign-in of the user.
#[tokio::test]
async fn a_lost_impersonation_is_told_of_as_one() {
    let mut site = site();
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = told.clone();
    site.store = site.store.on_event(move |event| {
        let user = event.user.map(UserId::to_string).unwrap_or_default();
        let staff = event.impersonator.map(UserId::to_string).unwrap_or_default();
        events.lock().unwrap().push(format!("{} {user}/{staff}", event.kind));
    });
    let staff = site.signed_in().await;
    let (visit, session) = site.request(&staff).await;
    told.lock().unwrap().clear();
    site.backend.fail(DOWN.only(Method::Create).times(1).answer_lost());
    assert_eq!(kind(session.impersonate("bob").await), Some(ErrorKind::Unavailable));
    let acting = cookie(visit.finish(StatusCode::OK).await).expect("the token that was made");
    assert_eq!(site.request(&acting).await.1.user_id().unwrap(), user("bob"));
    let told = told.lock().unwrap();
    assert!(told.iter().any(|event| event == "impersonated bob/ann"), "{told:?}");
    assert!(!told.iter().any(|event| event.starts_with("authenticated bob")), "{told:?}");
}

/// Who was evicted by a sign-in is told of, and their streams learn of it, also if the end of an impersonation
/// before it fails.
#[tokio::test]
async fn a_sign_in_tells_of_whom_it_evicted() {
    let mut site =
        Site::new(SessionConfig { max_sessions_per_user: 1, ..SessionConfig::default() });
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = told.clone();
    site.store =
        site.store.on_event(move |event| events.lock().unwrap().push(event.kind.to_string()));
    let (visit, session) = site.request("").await;
    session.authenticate("cid").await.unwrap();
    let _ = visit.finish(StatusCode::OK).await;
    let acting = acting(&site).await;
    let (_visit, session) = site.request(&acting).await;
    told.lock().unwrap().clear();
    site.backend.fail(DOWN.only(Method::Remove));
    let _ = session.authenticate("cid").await;
    let told = told.lock().unwrap();
    assert!(told.iter().any(|event| event == "evicted"), "{told:?}");
}
