//! Acting in a user's place: whose session it is, what it may do, and how it ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_core::{
    ErrorKind, FlashLevel, ManualClock, MemoryBackend, SessionConfig, SessionStore, Timestamp,
    UserId,
};

use crate::support::Request;

/// A store whose events are kept, as "kind user/impersonator".
fn store() -> (SessionStore, Arc<Mutex<Vec<String>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let config = SessionConfig { max_sessions_per_user: 2, ..SessionConfig::default() };
    let store = SessionStore::new(MemoryBackend::new(), config).unwrap().on_event(move |event| {
        let name = |user: Option<&UserId>| user.map_or("-", |user| user.as_str()).to_owned();
        let line = format!("{} {}/{}", event.kind, name(event.user), name(event.impersonator));
        told.lock().unwrap().push(line);
    });
    (store, events)
}

async fn end(request: &Request) -> String {
    let cookie = request.finish().await.unwrap().unwrap_or_default();
    cookie.split(';').next().unwrap_or_default().to_owned()
}

/// A browser's cookie after a sign-in.
async fn signed_in(store: &SessionStore, user: &str) -> String {
    let request = Request::with_cookie(store, "").await;
    request.authenticate(user).await.unwrap();
    end(&request).await
}

async fn impersonating(store: &SessionStore, staff: &str, user: &str) -> String {
    let request = Request::with_cookie(store, staff).await;
    request.impersonate(user).await.unwrap();
    end(&request).await
}

#[tokio::test]
async fn goes_there_and_comes_back() {
    let (store, events) = store();
    let staff = signed_in(&store, "eve").await;
    let request = Request::with_cookie(&store, &staff).await;
    request.set("theme", "dark").unwrap();
    let own = request.id();
    request.impersonate("ann").await.unwrap();
    assert_eq!(request.user_id().unwrap().as_str(), "ann");
    assert_eq!(request.impersonator().unwrap().as_str(), "eve");
    assert!(!request.contains("theme"), "nothing is carried over");
    let acting = end(&request).await;

    let request = Request::with_cookie(&store, &acting).await;
    assert_eq!(request.require_user().unwrap().as_str(), "ann");
    assert_eq!(request.impersonator().unwrap().as_str(), "eve");
    assert_ne!(request.id(), own);
    assert!(!request.authenticated_within(Duration::from_secs(60)), "it proves nothing");
    request.set("seen", true).unwrap();
    request.flash(FlashLevel::Info, "back again").unwrap();
    assert!(request.end_impersonation().await.unwrap());
    assert_eq!((request.id(), request.impersonator()), (own, None));
    assert!(request.contains("theme") && !request.contains("seen"));
    let back = end(&request).await;

    let request = Request::with_cookie(&store, &back).await;
    assert_eq!(request.user_id().unwrap().as_str(), "eve");
    assert_eq!(request.take_flashes().unwrap()[0].text, "back again");
    for dead in [&acting, &staff] {
        assert!(!Request::with_cookie(&store, dead).await.is_authenticated());
    }
    assert!(store.list(&"ann".parse().unwrap()).await.unwrap().is_empty());
    let events = events.lock().unwrap();
    for expected in ["impersonated ann/eve", "created ann/eve", "authenticated eve/-"] {
        assert!(events.iter().any(|event| event == expected), "{expected} in {events:?}");
    }
}

#[tokio::test]
async fn takes_no_place_and_is_on_the_list() {
    let (store, _) = store();
    let phone = signed_in(&store, "ann").await;
    let laptop = signed_in(&store, "ann").await;
    let staff = signed_in(&store, "eve").await;
    let acting = impersonating(&store, &staff, "ann").await;
    // At the cap of two: nobody is evicted, and the next sign-in evicts one of the user's own.
    for cookie in [&phone, &laptop, &acting] {
        assert!(Request::with_cookie(&store, cookie).await.is_authenticated());
    }
    let tablet = signed_in(&store, "ann").await;
    let request = Request::with_cookie(&store, &tablet).await;
    let devices = request.list().await.unwrap();
    assert_eq!(devices.len(), 3);
    let staffs: Vec<_> = devices.iter().filter_map(|view| view.impersonator.clone()).collect();
    assert_eq!(staffs, ["eve".parse().unwrap()]);
    // The user ends it.
    let id = devices.iter().find(|view| view.impersonator.is_some()).unwrap().id;
    assert!(request.revoke(id).await.unwrap());
    assert!(!Request::with_cookie(&store, &acting).await.is_authenticated());
}

#[tokio::test]
async fn what_it_may_not_do() {
    let (store, _) = store();
    let staff = signed_in(&store, "eve").await;
    let acting = impersonating(&store, &staff, "ann").await;
    let request = Request::with_cookie(&store, &acting).await;
    let kind = |error: session_core::Error| error.kind();
    let again = request.impersonate("bob").await.map_err(kind);
    assert_eq!(again, Err(ErrorKind::Impersonation), "in its turn");
    assert_eq!(request.reauthenticate().await.map_err(kind), Err(ErrorKind::Impersonation));
    let password = request.reauthenticate_and_end_others().await.map_err(kind);
    assert_eq!(password, Err(ErrorKind::Impersonation));
    assert_eq!(ErrorKind::Impersonation.code(), "impersonation");

    let own = signed_in(&store, "eve").await;
    let request = Request::with_cookie(&store, &own).await;
    assert_eq!(request.end_impersonation().await.map_err(kind), Err(ErrorKind::Impersonation));
    let visitor = Request::with_cookie(&store, "").await;
    assert_eq!(visitor.impersonate("ann").await.map_err(kind), Err(ErrorKind::Unauthenticated));
    assert_eq!(visitor.end_impersonation().await.map_err(kind), Err(ErrorKind::Unauthenticated));
    let nobody = Request::with_cookie(&store, &own).await;
    assert_eq!(nobody.impersonate("").await.map_err(kind), Err(ErrorKind::InvalidData));
}

/// What ends the staff's own session.
#[derive(Debug, Clone, Copy)]
enum End {
    Administrator,
    SignOut,
    SignIn,
    User,
}

#[tokio::test]
async fn ends_with_the_session_of_whoever_acts() {
    for end_by in [End::Administrator, End::SignOut, End::SignIn, End::User] {
        let (store, _) = store();
        let staff = signed_in(&store, "eve").await;
        let acting = impersonating(&store, &staff, "ann").await;
        let eve = "eve".parse().unwrap();
        match end_by {
            End::Administrator => drop(store.revoke_all(&eve).await.unwrap()),
            End::SignOut => {
                let request = Request::with_cookie(&store, &acting).await;
                assert_eq!(request.logout().await.unwrap(), 2, "both sessions");
                end(&request).await;
            }
            End::SignIn => {
                let request = Request::with_cookie(&store, &acting).await;
                request.authenticate("bob").await.unwrap();
                end(&request).await;
            }
            End::User => {
                let request = Request::with_cookie(&store, &acting).await;
                assert_eq!(request.logout_all().await.unwrap().len(), 1, "of the user's");
                end(&request).await;
            }
        }
        assert!(store.list(&eve).await.unwrap().is_empty(), "{end_by:?}: nobody holds it");
        assert!(!Request::with_cookie(&store, &acting).await.is_authenticated(), "{end_by:?}");
        assert!(store.list(&"ann".parse().unwrap()).await.unwrap().is_empty(), "{end_by:?}");
    }
}

#[tokio::test]
async fn comes_back_to_nobody_if_its_own_session_ended() {
    let (store, _) = store();
    let staff = signed_in(&store, "eve").await;
    let acting = impersonating(&store, &staff, "ann").await;
    let request = Request::with_cookie(&store, &acting).await;
    store.revoke_all(&"eve".parse().unwrap()).await.unwrap();
    assert!(!request.end_impersonation().await.unwrap());
    assert!(!request.is_authenticated());
    end(&request).await;
    assert!(!Request::with_cookie(&store, &acting).await.is_authenticated());
}

/// A session that ended has no power, and this is the greatest there is.
#[tokio::test]
async fn a_session_that_ended_meanwhile_impersonates_nobody() {
    let (store, _) = store();
    let staff = signed_in(&store, "eve").await;
    let request = Request::with_cookie(&store, &staff).await;
    store.revoke_all(&"eve".parse().unwrap()).await.unwrap();
    let error = request.impersonate("ann").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionEnded);
    assert!(store.list(&"ann".parse().unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn lives_no_longer_than_the_own_session_can() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
    let config = SessionConfig { absolute_ttl_secs: Some(3600), ..SessionConfig::default() };
    let store =
        SessionStore::new(MemoryBackend::new(), config).unwrap().with_clock(Arc::clone(&clock));
    let staff = signed_in(&store, "eve").await;
    clock.advance(Duration::from_secs(1800));
    let acting = impersonating(&store, &staff, "ann").await;
    clock.advance(Duration::from_secs(1799));
    assert!(Request::with_cookie(&store, &acting).await.is_authenticated());
    clock.advance(Duration::from_secs(2));
    assert!(!Request::with_cookie(&store, &acting).await.is_authenticated());
}

/// Two clicks on "back": the second answer leaves the first one's cookie alone.
#[tokio::test]
async fn a_second_click_signs_nobody_out() {
    let (store, _) = store();
    let staff = signed_in(&store, "eve").await;
    let acting = impersonating(&store, &staff, "ann").await;
    let first = Request::with_cookie(&store, &acting).await;
    let second = Request::with_cookie(&store, &acting).await;
    assert!(first.end_impersonation().await.unwrap());
    let error = second.end_impersonation().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionEnded);
    assert_eq!(second.finish().await.unwrap(), None, "no cookie");
    let back = end(&first).await;
    assert!(Request::with_cookie(&store, &back).await.is_authenticated());

    // A third one that comes with the former cookie makes no session in its place either.
    let late = Request::with_cookie(&store, &acting).await;
    assert!(!late.may_store());
    assert_eq!(late.finish().await.unwrap(), None);
}

#[tokio::test]
async fn begins_with_the_current_token_alone() {
    let (store, _) = store();
    let before = signed_in(&store, "eve").await;
    let request = Request::with_cookie(&store, &before).await;
    assert!(request.rotate().await.unwrap());
    end(&request).await;
    let request = Request::with_cookie(&store, &before).await;
    assert!(request.is_authenticated(), "in its grace");
    let error = request.impersonate("ann").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionEnded);
    assert!(store.list(&"ann".parse().unwrap()).await.unwrap().is_empty());
}
