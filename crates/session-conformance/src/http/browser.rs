//! [`Browser`]: asks as a browser does, and keeps the cookies.

use std::sync::Mutex;

use cookie::Cookie;
use http::Uri;
use session_core::Peer;

use super::desk::lock;
use super::exchange::{Answer, Ask, Pending};
use super::site::{HOST, Site};
use crate::jar::CookieJar;

/// What the browser calls itself.
pub(crate) const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// Browsers ignore a cookie whose name and value are longer (RFC 6265bis, section 5.6); the laws ask
/// for the whole header.
pub(crate) const MAX_SET_COOKIE: usize = 4096;

pub(crate) struct Browser {
    pub(crate) site: Site,
    jar: Mutex<CookieJar>,
}

impl Site {
    /// Somebody's browser, without any cookie.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.clone())
    }

    /// A browser that has signed in.
    pub(crate) async fn signed_in(&self, user: &str) -> Browser {
        self.signed_in_at(&format!("/login.{user}")).await
    }

    /// The same by another path.
    pub(crate) async fn signed_in_at(&self, path: &str) -> Browser {
        let browser = self.browser();
        browser.go(path).await.ok();
        browser
    }

    /// A browser that has signed in and come back: the first request that presents a new token tells the
    /// backend so, and its answer sends the cookie anew.
    pub(crate) async fn come_back(&self, user: &str) -> Browser {
        let browser = self.signed_in(user).await;
        browser.come_back().await;
        browser
    }

    /// A browser with an anonymous session that holds `a` = 1.
    pub(crate) async fn visitor(&self) -> Browser {
        let browser = self.browser();
        browser.go("/set.a.1").await.ok();
        browser
    }
}

impl Browser {
    fn new(site: Site) -> Self {
        Self { site, jar: Mutex::default() }
    }

    /// A request with this browser's headers and cookies.
    pub(crate) fn ask(&self, path: &str) -> Ask {
        let ask = self
            .site
            .ask(path)
            .from(Peer::Ip([203, 0, 113, 7].into()))
            .header("user-agent", AGENT)
            .header("accept-language", "de-AT,de;q=0.9")
            .header("accept-encoding", "gzip, br");
        match lock(&self.jar).header_for(&page(path), self.site.now()) {
            Some(cookies) => ask.header("cookie", cookies),
            None => ask,
        }
    }

    /// Asks, and keeps the cookies of the answer.
    pub(crate) async fn go(&self, path: &str) -> Answer {
        let answer = self.ask(path).send().await;
        self.receive(&answer);
        answer
    }

    /// Presents a new token for the first time.
    pub(crate) async fn come_back(&self) {
        self.go("/get.a").await.ok();
    }

    /// Asks, and goes on before there is an answer. Its cookies are kept when it is
    /// [received](Self::receive).
    pub(crate) fn begin(&self, path: &str) -> Pending {
        self.ask(path).begin()
    }

    /// Keeps the cookies of an answer.
    pub(crate) fn receive(&self, answer: &Answer) {
        for line in answer.set_cookies() {
            assert!(line.len() <= MAX_SET_COOKIE, "a Set-Cookie of {} bytes", line.len());
            assert!(Cookie::parse(line).is_ok(), "{line:?} is no Set-Cookie");
            lock(&self.jar).keep(&page(answer.path()), line, self.site.now());
        }
    }

    /// The token in the session's cookie.
    pub(crate) fn token(&self) -> Option<String> {
        let store = &self.site.store;
        let page = page(store.config().cookie.path.as_str());
        let jar = lock(&self.jar);
        jar.value(&store.config().cookie_name, &page, self.site.now()).map(str::to_owned)
    }

    /// The token that has to be there.
    #[track_caller]
    pub(crate) fn present_token(&self) -> String {
        self.token().expect("the browser has the session's cookie")
    }
}

/// Where a path of the site is.
fn page(path: &str) -> Uri {
    format!("https://{HOST}{path}").parse().expect("a path of the site")
}
