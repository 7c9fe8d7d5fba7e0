//! Adapters that are careless with what carries a token. Each breaks one law, and no other.

use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response};
use session_conformance::async_trait;
use session_conformance::http::{
    ACCOUNTS, App, COOKIE_VISITORS_EXCEPT, Harness, Mount, Panicked, broken_by_cookie_visitors,
    broken_request_laws,
};
use session_core::{Clock, Peer, SessionBackend, SessionStore, Timestamp};

use crate::bare::Bare;

#[test]
fn each_breaks_its_own_law_only() {
    for (mistake, law) in [
        (Mistake::GivesProgramsACookieToo, "bearer_sets_no_cookie"),
        (Mistake::PrefersTheCookie, "one_credential_per_request"),
        (Mistake::TakesAllAccountsForOne, "accounts_never_mix"),
        (Mistake::KeepsAStoreOfItsOwn, "stream_learns_of_the_end"),
    ] {
        let make = move || async move { Mistaken { sound: Bare::sound(), mistake } };
        assert_eq!(broken_request_laws(make), [law], "{mistake:?}");
    }
}

/// If visitors have no rows, the laws catch the same.
#[test]
fn each_breaks_its_own_law_only_where_visitors_have_no_rows() {
    for (mistake, law) in [
        (Mistake::GivesProgramsACookieToo, "bearer_sets_no_cookie"),
        (Mistake::KeepsAStoreOfItsOwn, "stream_learns_of_the_end"),
    ] {
        let make = move || async move { Mistaken { sound: Bare::sound(), mistake } };
        let mut broken = broken_by_cookie_visitors(make);
        broken.retain(|law| COOKIE_VISITORS_EXCEPT.iter().all(|(excepted, _)| excepted != law));
        assert_eq!(broken, [law], "{mistake:?}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// A program that has no cookie gets one, in case that it is a browser.
    GivesProgramsACookieToo,
    /// Who brings a cookie is a browser, whatever else they bring.
    PrefersTheCookie,
    /// Whatever account a path names, the session is one.
    TakesAllAccountsForOne,
    /// A store for its requests that shares nothing with the application's but the backend and the time.
    KeepsAStoreOfItsOwn,
}

struct Mistaken {
    sound: Bare,
    mistake: Mistake,
}

#[async_trait]
impl Harness for Mistaken {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.sound.backend()
    }

    async fn mount(&self, store: SessionStore, mount: Mount) -> Arc<dyn App> {
        let store = match self.mistake {
            Mistake::KeepsAStoreOfItsOwn => store.clone().with_clock(TimeOf(store)),
            _ => store,
        };
        let sound = self.sound.mount(store, mount).await;
        Arc::new(MistakenApp { sound, mount, mistake: self.mistake })
    }
}

struct TimeOf(SessionStore);

impl Clock for TimeOf {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct MistakenApp {
    sound: Arc<dyn App>,
    mount: Mount,
    mistake: Mistake,
}

#[async_trait]
impl App for MistakenApp {
    async fn call(
        &self,
        mut request: Request<Vec<u8>>,
        peer: Peer,
    ) -> Result<Response<Vec<u8>>, Panicked> {
        let accepts = self.mount == Mount::Bearer;
        let (bearer, cookie) =
            (request.headers().contains_key(AUTHORIZATION), request.headers().contains_key(COOKIE));
        if self.mistake == Mistake::PrefersTheCookie && accepts && cookie {
            request.headers_mut().remove(AUTHORIZATION);
        }
        if self.mistake == Mistake::TakesAllAccountsForOne && self.mount == Mount::Accounts {
            let path = request.uri().path().to_owned();
            if let Some(("" | "0" | "1" | "2", rest)) = slot_of(&path) {
                *request.uri_mut() = format!("/{rest}").parse().expect("a path");
            }
        }
        let mut response = self.sound.call(request, peer).await?;
        if self.mistake == Mistake::GivesProgramsACookieToo && accepts && bearer && !cookie {
            let cookie = HeaderValue::from_static("_session=0; Path=/");
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

/// The slot that a path names, and what follows it.
fn slot_of(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix(ACCOUNTS)?.strip_prefix('/')?.split_once('/')
}
