//! What the end of a request means for its response: [`Conclusion`].

use http::{HeaderMap, HeaderValue, header};

use super::load::Request;
use crate::accounts::Accounts;
use crate::cookie::CookieRules;
use crate::error::Error;
use crate::session::Session;

/// What the end of a request means for its response.
#[derive(Debug, Default)]
#[must_use = "the response must be told"]
pub struct Conclusion {
    pub(super) error: Option<Error>,
    pub(super) cookie: Option<HeaderValue>,
    /// Whether a token was issued that goes into the body.
    pub(super) hands_out: bool,
    /// The other slots whose cookies are removed: a bit for each.
    pub(super) cleared: u16,
    /// The domain that the request chose for its cookies, by its place among those that it may choose.
    pub(super) domain: Option<usize>,
    /// The session, if it was used, and for whom the answer is then.
    pub(super) used_by: Option<(Session, Audience)>,
}

/// For whom an answer is that used a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Whoever has no session.
    Everybody,
    /// One visitor, whose browser may keep it.
    OneVisitor,
    /// One user: not to be kept.
    OneUser,
}

impl Conclusion {
    /// If what was buffered could not be saved: the error that the response must become (law
    /// `failed_save_is_reported`). Ask this first, then [`apply`](Self::apply) to whichever response
    /// goes out.
    pub fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Whether the response gets a cookie of the session's.
    #[must_use]
    pub fn carries_cookie(&self) -> bool {
        self.cookie.is_some() || self.cleared != 0
    }

    /// Puts the headers onto the response.
    ///
    /// - `Vary: Cookie` if the session was used, and `Vary: Authorization` if the layer accepts bearers, and
    ///   with the name of the header that names an account's slot.
    /// - An answer that used one and says nothing of caching itself, neither `Cache-Control` nor
    ///   `Expires`, gets `Cache-Control: no-store` if somebody was signed in, so that the browser's Back
    ///   shows no private page after a sign-out (see
    ///   [`no_store_when_signed_in`](crate::SessionConfig::no_store_when_signed_in)), and `private` for a
    ///   visitor's session (law `caches_are_told`).
    /// - At most one `Set-Cookie` of the session's name in the request's slot, ours: one that the handler or the framework's
    ///   own jar wrote is dropped, even if there is none of ours, because it would end the session
    ///   in the browser (law `one_cookie_per_response`).
    /// - With it `Cache-Control: no-store`, unless the response's own says `no-store` or `private`
    ///   (RFC 9111, section 7.3). If a token was issued that goes into the body, `no-store` in any case.
    #[inline]
    pub fn apply(self, headers: &mut HeaderMap) {
        // Most requests of a site never ask for their session.
        if self.used_by.is_some() {
            self.put_onto(headers);
        }
    }

    fn put_onto(self, headers: &mut HeaderMap) {
        let Some((session, audience)) = self.used_by else { return };
        let said = Said::by(headers);
        if said.varies {
            vary_on(headers, "cookie", const { HeaderValue::from_static("Cookie") });
        } else {
            headers.insert(header::VARY, const { HeaderValue::from_static("Cookie") });
        }
        if session.inner.transport.accepts_bearer() {
            let authorization = const { HeaderValue::from_static("Authorization") };
            vary_on(headers, "authorization", authorization);
        }
        let slots = session.inner.transport.slots();
        if let Some((name, line)) = slots.and_then(Accounts::varies) {
            vary_on(headers, name, line);
        }
        if said.sets_cookies {
            match slots {
                None => drop_foreign_cookies(headers, &session.store().settings().cookie),
                Some(slots) => {
                    slots.cookies().for_each(|(_, rules)| drop_foreign_cookies(headers, rules));
                }
            }
        }
        if let Some(slots) = slots.filter(|_| self.cleared != 0) {
            let secure = session.request().is_none_or(Request::secure);
            for (_, rules) in slots.cookies().filter(|(slot, _)| self.cleared & (1 << slot) != 0) {
                headers.append(header::SET_COOKIE, rules.removal_with(secure, self.domain));
            }
            forbid_storing(headers);
        }
        match self.cookie {
            // It is a secret in a body, which nothing may keep (RFC 6750, section 5.3).
            None if self.hands_out => tell_caches(headers, Audience::OneUser),
            Some(cookie) => {
                headers.append(header::SET_COOKIE, cookie);
                forbid_storing(headers);
            }
            None if said.how_long => {}
            None => tell_caches(headers, audience),
        }
    }
}

/// What a response says already. It has few headers, and a pass over their names costs less than to look
/// each of these up.
#[derive(Default)]
struct Said {
    varies: bool,
    sets_cookies: bool,
    /// How long it may be kept: one that the handler thought about is its own.
    how_long: bool,
}

impl Said {
    fn by(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        for name in headers.keys() {
            said.varies |= *name == header::VARY;
            said.sets_cookies |= *name == header::SET_COOKIE;
            said.how_long |= *name == header::CACHE_CONTROL || *name == header::EXPIRES;
        }
        said
    }
}

fn vary_on(headers: &mut HeaderMap, what: &str, line: HeaderValue) {
    let names = |value: &HeaderValue| {
        let text = value.as_bytes();
        text.split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|name| name == b"*" || name.eq_ignore_ascii_case(what.as_bytes()))
    };
    match headers.entry(header::VARY) {
        header::Entry::Vacant(entry) => {
            entry.insert(line);
        }
        header::Entry::Occupied(entry) if entry.iter().any(names) => {}
        header::Entry::Occupied(mut entry) => {
            entry.append(line);
        }
    }
}

fn drop_foreign_cookies(headers: &mut HeaderMap, rules: &CookieRules) {
    if headers.get_all(header::SET_COOKIE).iter().any(|other| rules.set_cookie_matches(other)) {
        tracing::warn!(target: "session", "dropped another Set-Cookie of the session's name");
        if let header::Entry::Occupied(entry) = headers.entry(header::SET_COOKIE) {
            let (name, others) = entry.remove_entry_mult();
            let kept: Vec<_> = others.filter(|other| !rules.set_cookie_matches(other)).collect();
            for other in kept {
                headers.append(name.clone(), other);
            }
        }
    }
}

fn tell_caches(headers: &mut HeaderMap, audience: Audience) {
    let what = match audience {
        Audience::Everybody => return,
        Audience::OneVisitor => const { HeaderValue::from_static("private") },
        Audience::OneUser => const { HeaderValue::from_static("no-store") },
    };
    headers.insert(header::CACHE_CONTROL, what);
}

fn forbid_storing(headers: &mut HeaderMap) {
    let keeps_out = |value: &HeaderValue| {
        let text = value.as_bytes();
        // In quotes are names of headers, which may be spelt like directives.
        let is_plain = !text.contains(&b'"');
        is_plain
            && text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|directive| {
                directive.eq_ignore_ascii_case(b"no-store")
                    || directive.eq_ignore_ascii_case(b"private")
            })
    };
    if !headers.get_all(header::CACHE_CONTROL).iter().any(keeps_out) {
        headers.insert(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryBackend, SessionConfig, SessionStore};

    fn check(name: &str, before: &[(&str, &str)], after: &[(&str, &str)]) {
        let to_map = |pairs: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.append(name, value.parse().unwrap());
            }
            headers
        };
        let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
        let cookie = Some(HeaderValue::from_static("_session=new"));
        let used_by = Some((store.begin().session().clone(), Audience::OneUser));
        let conclusion = Conclusion { cookie, used_by, ..Conclusion::default() };
        let mut headers = to_map(before);
        conclusion.apply(&mut headers);
        assert_eq!(headers, to_map(after), "{name}");
    }

    #[test]
    fn caches() {
        let check = |name: &str, audience, before: &[(&'static str, &str)], expected: &[&str]| {
            let mut headers = HeaderMap::new();
            for (name, value) in before {
                headers.append(*name, value.parse().unwrap());
            }
            let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
            let used_by = Some((store.begin().session().clone(), audience));
            Conclusion { used_by, ..Conclusion::default() }.apply(&mut headers);
            let told: Vec<_> = headers.get_all(header::CACHE_CONTROL).iter().collect();
            assert_eq!(told, expected, "{name}");
        };
        let expires = ("expires", "Thu, 01 Jan 2026 00:00:00 GMT");
        check("a user's page", Audience::OneUser, &[], &["no-store"]);
        check("a visitor's", Audience::OneVisitor, &[], &["private"]);
        check("nobody's", Audience::Everybody, &[], &[]);
        check("one that expires", Audience::OneUser, &[expires], &[]);
        let public = ("cache-control", "public, max-age=60");
        check(
            "one that the handler published",
            Audience::OneUser,
            &[public],
            &["public, max-age=60"],
        );
    }

    #[test]
    fn headers() {
        let ours = ("set-cookie", "_session=new");
        let (vary, no_store) = (("vary", "Cookie"), ("cache-control", "no-store"));
        check("nothing there", &[], &[vary, ours, no_store]);
        check(
            "vary says so already",
            &[("vary", "accept, COOKIE")],
            &[("vary", "accept, COOKIE"), ours, no_store],
        );
        check("vary says everything", &[("vary", "*")], &[("vary", "*"), ours, no_store]);
        check(
            "vary says something else",
            &[("vary", "accept")],
            &[("vary", "accept"), vary, ours, no_store],
        );
        check(
            "a public answer",
            &[("cache-control", "public, max-age=60")],
            &[vary, ours, no_store],
        );
        check(
            "a public answer without some headers",
            &[("cache-control", "no-cache=\"a, private, b\"")],
            &[vary, ours, no_store],
        );
        check(
            "a private answer",
            &[("cache-control", "max-age=60, private")],
            &[("cache-control", "max-age=60, private"), vary, ours],
        );
        check(
            "a second cookie of our name",
            &[("set-cookie", "a=1"), ("set-cookie", "_session=old"), ("set-cookie", "_session2=x")],
            &[("set-cookie", "a=1"), ("set-cookie", "_session2=x"), ours, vary, no_store],
        );
    }
}
