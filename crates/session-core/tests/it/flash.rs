//! Flash messages: told once, across a redirect, a sign-in and a sign-out.

use session_core::{
    Carry, ErrorKind, FlashLevel, MemoryBackend, SessionConfig, SessionStore, SignIn,
};

use crate::support::Request;

fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

/// A browser with one cookie.
struct Browser {
    store: SessionStore,
    cookie: String,
}

impl Browser {
    fn new() -> Self {
        Self { store: store(), cookie: String::new() }
    }

    async fn request(&self) -> Request {
        Request::with_cookie(&self.store, &self.cookie).await
    }

    /// Takes the response's cookie in; whether there was one.
    async fn finish(&mut self, request: &Request) -> bool {
        let set = request.finish().await.unwrap();
        if let Some(set) = &set {
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        set.is_some()
    }

    /// What the next page shows.
    async fn page(&mut self) -> Vec<String> {
        let request = self.request().await;
        let texts = request.take_flashes().unwrap().into_iter().map(|flash| flash.text).collect();
        self.finish(&request).await;
        texts
    }
}

#[tokio::test]
async fn is_told_once_and_in_order() {
    let mut browser = Browser::new();
    let request = browser.request().await;
    request.flash(FlashLevel::Success, "saved").unwrap();
    request.flash(FlashLevel::Warning, "but look here").unwrap();
    assert!(browser.finish(&request).await);

    let request = browser.request().await;
    let flashes = request.take_flashes().unwrap();
    let levels: Vec<_> = flashes.iter().map(|flash| flash.level.as_str()).collect();
    assert_eq!(levels, ["success", "warning"]);
    assert_eq!(flashes[1].text, "but look here");
    assert!(request.take_flashes().unwrap().is_empty(), "in one request, too");
    browser.finish(&request).await;
    assert!(browser.page().await.is_empty());
}

#[tokio::test]
async fn parallel_requests_lose_no_message() {
    let mut browser = Browser::new();
    let first = browser.request().await;
    first.set("cart", 1).unwrap();
    browser.finish(&first).await;
    let (one, two) = (browser.request().await, browser.request().await);
    one.flash(FlashLevel::Info, "one").unwrap();
    two.flash(FlashLevel::Info, "two").unwrap();
    browser.finish(&two).await;
    browser.finish(&one).await;
    assert_eq!(browser.page().await, ["one", "two"]);
}

#[tokio::test]
async fn a_visitor_without_a_message_gets_nothing() {
    let mut browser = Browser::new();
    assert!(browser.page().await.is_empty());
    assert_eq!(browser.cookie, "");
}

/// What a handler does around the flash.
#[derive(Debug, Clone, Copy)]
enum Act {
    SignIn,
    SignInAndCarryNothing,
    SwitchUser,
    Logout,
    LogoutAll,
}

#[tokio::test]
async fn survives_sign_in_and_sign_out() {
    use Act::{Logout, LogoutAll, SignIn as In, SignInAndCarryNothing, SwitchUser};
    for act in [In, SignInAndCarryNothing, SwitchUser, Logout, LogoutAll] {
        for flash_first in [true, false] {
            let mut browser = Browser::new();
            let request = browser.request().await;
            if !matches!(act, In | SignInAndCarryNothing) {
                request.authenticate("alice").await.unwrap();
            }
            request.set("private", true).unwrap();
            browser.finish(&request).await;

            let request = browser.request().await;
            request.set("buffered", true).unwrap();
            let flash = || request.flash(FlashLevel::Info, "hello").unwrap();
            if flash_first {
                flash();
            }
            let bob = SignIn::new("bob");
            match act {
                In | SwitchUser => request.authenticate_with(bob).await.unwrap(),
                SignInAndCarryNothing => {
                    request.authenticate_with(bob.carry(Carry::Nothing)).await.unwrap();
                }
                Logout => assert_eq!(request.logout().await.unwrap(), 1),
                LogoutAll => assert_eq!(request.logout_all().await.unwrap().len(), 1),
            }
            if !flash_first {
                flash();
            }
            browser.finish(&request).await;
            let name = format!("{act:?}, flash first: {flash_first}");
            let request = browser.request().await;
            let carried = request.contains("buffered");
            assert_eq!(carried, matches!(act, In), "{name}: other writes are as before");
            assert_eq!(request.contains("private"), matches!(act, In), "{name}");
            assert_eq!(browser.page().await, ["hello"], "{name}");
            assert!(browser.page().await.is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_failed_page_keeps_its_messages() {
    let mut browser = Browser::new();
    let request = browser.request().await;
    request.flash(FlashLevel::Error, "not saved").unwrap();
    browser.finish(&request).await;
    let request = browser.request().await;
    assert_eq!(request.take_flashes().unwrap().len(), 1);
    request.finish_with(http::StatusCode::BAD_GATEWAY).await.unwrap();
    assert_eq!(browser.page().await, ["not saved"]);
}

#[tokio::test]
async fn a_stream_s_message_comes_too_late() {
    let mut browser = Browser::new();
    let request = browser.request().await;
    request.flash(FlashLevel::Info, "hello").unwrap();
    browser.finish(&request).await;
    let late = request.flash(FlashLevel::Info, "again").unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LateWrite);
    assert_eq!(request.take_flashes().unwrap_err().kind(), ErrorKind::LateWrite);
}

#[tokio::test]
async fn what_is_no_message_stays() {
    let mut browser = Browser::new();
    let request = browser.request().await;
    request.set("_flash.mine", 7).unwrap();
    assert!(request.take_flashes().unwrap().is_empty());
    assert_eq!(request.get("_flash.mine").unwrap(), Some(7));
    browser.finish(&request).await;
}

/// What a request has left survives its sign-out and its sign-in, also if it was saved before.
#[tokio::test]
async fn what_was_saved_survives_too() {
    for signs_out in [true, false] {
        let mut browser = Browser::new();
        let request = browser.request().await;
        request.authenticate("ann").await.unwrap();
        browser.finish(&request).await;
        let request = browser.request().await;
        request.flash(FlashLevel::Success, "done").unwrap();
        request.update("tries", |n: Option<u8>| n.unwrap_or(0) + 1).await.unwrap();
        if signs_out {
            request.logout().await.unwrap();
        } else {
            request.authenticate_with(SignIn::new("ann").carry(Carry::Nothing)).await.unwrap();
        }
        browser.finish(&request).await;
        assert_eq!(browser.page().await, ["done"], "signs out: {signs_out}");
        assert!(browser.page().await.is_empty(), "signs out: {signs_out}");
    }
}

/// A message that this request has left and taken is not left, wherever it was meanwhile.
#[tokio::test]
async fn what_was_taken_is_gone() {
    for saves_before in [false, true] {
        let mut browser = Browser::new();
        let request = browser.request().await;
        request.flash(FlashLevel::Info, "one").unwrap();
        request.save().await.unwrap();
        assert_eq!(request.take_flashes().unwrap().len(), 1);
        if saves_before {
            request.save().await.unwrap();
        }
        request.authenticate_with(SignIn::new("ann").carry(Carry::Nothing)).await.unwrap();
        request.flash(FlashLevel::Info, "two").unwrap();
        request.logout().await.unwrap();
        browser.finish(&request).await;
        assert_eq!(browser.page().await, ["two"], "saves before: {saves_before}");
    }
}

/// From a visitor's first page over a sign-in to a sign-out, all in one request.
#[tokio::test]
async fn survives_both() {
    let mut browser = Browser::new();
    let request = browser.request().await;
    request.flash(FlashLevel::Info, "one").unwrap();
    request.authenticate("ann").await.unwrap();
    request.logout().await.unwrap();
    request.authenticate("bob").await.unwrap();
    browser.finish(&request).await;
    assert_eq!(browser.page().await, ["one"]);
}
