//! [`Browser`]: keeps cookies as RFC 6265bis says, as far as a law can tell.

use std::sync::Mutex;
use std::time::Duration;

use cookie::{Cookie, SameSite};
use session_core::{Peer, Timestamp};

use super::desk::lock;
use super::exchange::{Answer, Ask, Pending};
use super::site::{HOST, Site};

/// What the browser calls itself.
pub(crate) const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// Browsers ignore a cookie whose name and value are longer (RFC 6265bis, section 5.6); the laws ask
/// for the whole header.
pub(crate) const MAX_SET_COOKIE: usize = 4096;

pub(crate) struct Browser {
    pub(crate) site: Site,
    jar: Mutex<Vec<Kept>>,
}

/// A cookie that is kept.
struct Kept {
    name: String,
    value: String,
    domain: Option<String>,
    path: String,
    /// `None`: until the browser is closed.
    expires_at: Option<Timestamp>,
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
        let cookies = self.cookies_for(path);
        if cookies.is_empty() { ask } else { ask.header("cookie", cookies) }
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
            let cookie = Cookie::parse(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
            self.keep(&cookie);
        }
    }

    /// The token in the session's cookie.
    pub(crate) fn token(&self) -> Option<String> {
        let now = self.site.now();
        let name = &self.site.store.config().cookie_name;
        let jar = lock(&self.jar);
        jar.iter().find(|kept| kept.name == *name && kept.is_fresh(now)).map(|k| k.value.clone())
    }

    /// The token that has to be there.
    #[track_caller]
    pub(crate) fn present_token(&self) -> String {
        self.token().expect("the browser has the session's cookie")
    }

    fn keep(&self, cookie: &Cookie<'_>) {
        let secure = cookie.secure() == Some(true);
        let path = cookie.path().unwrap_or("/").to_owned();
        let domain = cookie.domain().map(str::to_owned);
        let name = cookie.name();
        let is_ours = domain.as_deref().is_none_or(|domain| {
            HOST.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        let keeps_prefix = match name {
            _ if name.starts_with("__Host-") => secure && domain.is_none() && path == "/",
            _ if name.starts_with("__Secure-") => secure,
            _ => true,
        };
        let needs_secure =
            cookie.same_site() == Some(SameSite::None) || cookie.partitioned() == Some(true);
        if !is_ours || !keeps_prefix || (needs_secure && !secure) {
            return;
        }
        let mut jar = lock(&self.jar);
        jar.retain(|kept| !(kept.name == name && kept.domain == domain && kept.path == path));
        let now = self.site.now();
        let expires_at = cookie.max_age().map(|age| {
            now.plus(Duration::from_secs(u64::try_from(age.whole_seconds()).unwrap_or(0)))
        });
        let (name, value) = (name.to_owned(), cookie.value().to_owned());
        let kept = Kept { name, value, domain, path, expires_at };
        if kept.is_fresh(now) {
            jar.push(kept);
        }
    }

    fn cookies_for(&self, path: &str) -> String {
        let now = self.site.now();
        let jar = lock(&self.jar);
        let sent = jar.iter().filter(|kept| kept.is_fresh(now) && kept.is_for(path));
        let pairs: Vec<_> = sent.map(|kept| format!("{}={}", kept.name, kept.value)).collect();
        pairs.join("; ")
    }
}

impl Kept {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    fn is_for(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.path);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        })
    }
}
