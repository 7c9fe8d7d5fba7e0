//! [`Guard`]: who may pass, and [`Pages`]: where a person is sent who may not.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, VARY};
use http::{Method, Response, StatusCode, Uri};

use crate::accounts::Accounts;
use crate::error::{Error, ErrorKind};
use crate::head::RequestHead;
use crate::invalid_config::InvalidConfig;
use crate::next::{Next, SafePath};
use crate::session::Session;
use crate::transport::Transport;

/// Who may pass, for adapters: behind their extractors and layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guard {
    /// Whoever is signed in.
    User,
    /// Whoever signed in, or proved again who they are, within this time.
    Fresh(Duration),
    /// Whoever is not signed in.
    Anonymous,
}

impl Guard {
    /// Whether this session's request may pass.
    ///
    /// # Errors
    /// - [`Unauthenticated`](ErrorKind::Unauthenticated), 401: nobody is signed in.
    /// - [`StaleAuthentication`](ErrorKind::StaleAuthentication), 403: the last proof is too old.
    /// - [`AlreadySignedIn`](ErrorKind::AlreadySignedIn), 409: somebody is signed in.
    /// - [`Unavailable`](ErrorKind::Unavailable), 503: the backend failed, and the configuration says to go
    ///   on as a visitor. Such a request passes only [`Anonymous`](Self::Anonymous).
    pub fn check(self, session: &Session) -> Result<(), Error> {
        let refused = |kind| Err(Error::from_kind(kind));
        match self {
            Self::Anonymous if session.is_authenticated() => refused(ErrorKind::AlreadySignedIn),
            Self::Anonymous => Ok(()),
            Self::User => session.require_user().map(drop),
            Self::Fresh(within) => {
                session.require_user()?;
                match session.authenticated_within(within) {
                    true => Ok(()),
                    false => refused(ErrorKind::StaleAuthentication),
                }
            }
        }
    }
}

/// The pages that people are sent to: to sign in, to confirm who they are, and, signed in already, on from
/// the sign-in page. A layer that is told of them redirects a browser's navigation, and answers everybody
/// else with the error.
///
/// | Nobody passes because | Status | A navigation goes to |
/// | --- | --- | --- |
/// | nobody is signed in | 401 | the sign-in page |
/// | the last proof is too old | 403 `stale_authentication` | the page to confirm on |
/// | somebody is signed in already | 409 | `next`, if this request's query has one, else the home page |
///
/// - A redirect is 303, with `Cache-Control: no-store`. After GET and HEAD it brings the address that was
///   wanted, as `?next=` ([`Next`] reads it); a form that was sent cannot be sent again.
/// - `next` is a [`SafePath`], and nothing else goes into it or out of it.
/// - A navigation is what `Sec-Fetch-Mode` calls one, or, from a browser that does not say, what accepts
///   HTML by name.
/// - No page leads to itself: a sign-in page that is itself for users only answers 401.
/// - A failing backend is 503, and no redirect.
/// - With [`AccountSlots`](crate::AccountSlots) in the path the pages are those of the request's slot: from
///   `/u/1/orders` it goes to `/u/1/sign-in`, because a sign-in at `/sign-in` would be slot 0's.
///
/// ```
/// use session_core::{InvalidConfig, Pages};
///
/// # fn main() -> Result<(), InvalidConfig> {
/// let pages = Pages::new().sign_in("/sign-in")?.confirm("/confirm")?.home("/account")?;
/// # let _ = pages; Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pages {
    sign_in: Option<SafePath>,
    confirm: Option<SafePath>,
    home: Option<SafePath>,
    slots: Option<Arc<Accounts>>,
}

impl Pages {
    /// None is named: who is signed in already goes home to `/`, and everybody else gets the error.
    #[must_use]
    pub const fn new() -> Self {
        Self { sign_in: None, confirm: None, home: None, slots: None }
    }

    /// Where to sign in, such as `/sign-in`; it may have a query.
    ///
    /// # Errors
    /// [`InvalidConfig`] for what is no path of this site, or has a fragment.
    pub fn sign_in(mut self, page: &str) -> Result<Self, InvalidConfig> {
        self.sign_in = Some(SafePath::of_page("pages.sign_in", page)?);
        Ok(self)
    }

    /// Where to confirm who one is ([`Session::reauthenticate`]). Without it, who has to is told 403.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in).
    pub fn confirm(mut self, page: &str) -> Result<Self, InvalidConfig> {
        self.confirm = Some(SafePath::of_page("pages.confirm", page)?);
        Ok(self)
    }

    /// Where the sign-in page leads whoever is signed in already. Without it, to `/`.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in).
    pub fn home(mut self, page: &str) -> Result<Self, InvalidConfig> {
        self.home = Some(SafePath::of_page("pages.home", page)?);
        Ok(self)
    }

    /// The same pages in each account's slot that the layer has, for adapters.
    #[must_use]
    pub fn in_slots_of(mut self, transport: &Transport) -> Self {
        self.slots = transport.shared_slots();
        self
    }

    /// A page, or that of the slot that a request is for.
    fn of_slot<'p>(&self, page: &'p SafePath, asked: &Asked) -> Cow<'p, SafePath> {
        let place = self.slots.as_ref().and_then(|slots| slots.place_of(&asked.uri));
        let there = place.and_then(|place| SafePath::parse(&format!("{place}{page}")));
        there.map_or(Cow::Borrowed(page), Cow::Owned)
    }

    /// The redirect in the place of this error's answer, for adapters; `None` if there shall be none.
    #[must_use]
    pub fn redirect(&self, error: &Error, asked: &Asked) -> Option<Response<String>> {
        if !asked.wants_page {
            return None;
        }
        let location = match error.kind() {
            ErrorKind::Unauthenticated | ErrorKind::NoSession => {
                asked.on_to(&self.of_slot(self.sign_in.as_ref()?, asked))
            }
            ErrorKind::StaleAuthentication => {
                asked.on_to(&self.of_slot(self.confirm.as_ref()?, asked))
            }
            ErrorKind::AlreadySignedIn => {
                let home = self.home.as_ref().map(|home| self.of_slot(home, asked));
                asked.back_to(home.as_deref())
            }
            _ => None,
        }?;
        let mut response = Response::new(format!("see {location}\n"));
        *response.status_mut() = StatusCode::SEE_OTHER;
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::try_from(location).ok()?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Accept, Sec-Fetch-Mode"));
        Some(response)
    }
}

/// What a redirect asks of the request that it answers, for adapters. Cheap to keep: no header is.
#[derive(Debug, Clone)]
pub struct Asked {
    uri: Uri,
    /// Whether it can be asked again, by its address alone.
    is_repeatable: bool,
    wants_page: bool,
}

impl Asked {
    /// Of this request.
    #[must_use]
    pub fn of(request: RequestHead<'_>) -> Self {
        let is_repeatable = [Method::GET, Method::HEAD].contains(request.method);
        Self { uri: request.uri.clone(), is_repeatable, wants_page: request.wants_page() }
    }

    /// To this page, and from there on to what was asked for.
    fn on_to(&self, page: &SafePath) -> Option<String> {
        if page.path() == self.uri.path() {
            return None;
        }
        let wanted = self.uri.path_and_query().filter(|_| self.is_repeatable);
        let wanted = wanted.and_then(|wanted| SafePath::parse(wanted.as_str()));
        Some(wanted.map_or_else(|| page.to_string(), |wanted| page.leading_to(&wanted)))
    }

    /// From the sign-in page to where it leads.
    fn back_to(&self, home: Option<&SafePath>) -> Option<String> {
        let next = Next::of(&self.uri);
        let own = self.uri.path();
        if let Some(next) = next.path().filter(|next| next.path() != own) {
            return Some(next.to_string());
        }
        match home {
            Some(home) => (home.path() != own).then(|| home.to_string()),
            None => (own != "/").then(|| "/".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const NAVIGATES: &[(&str, &str)] = &[("sec-fetch-mode", "navigate")];

    fn pages() -> Pages {
        let pages =
            Pages::new().sign_in("/sign-in").and_then(|pages| pages.confirm("/confirm?x=1"));
        pages.and_then(|pages| pages.home("/account")).unwrap()
    }

    fn sent(
        pages: &Pages,
        kind: ErrorKind,
        method: &Method,
        uri: &str,
        headers: &[(&'static str, &str)],
    ) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let uri = uri.parse().unwrap();
        let asked = Asked::of(RequestHead { method, uri: &uri, headers: &map });
        let response = pages.redirect(&Error::from_kind(kind), &asked)?;
        assert_eq!(response.status(), 303);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["vary"], "Accept, Sec-Fetch-Mode");
        Some(response.headers()["location"].to_str().unwrap().to_owned())
    }

    #[test]
    fn each_refusal_has_its_page() {
        use ErrorKind::{AlreadySignedIn, StaleAuthentication, Unauthenticated};
        for (kind, uri, expected) in [
            (Unauthenticated, "/orders", Some("/sign-in?next=%2Forders")),
            (Unauthenticated, "/orders?a=b&c", Some("/sign-in?next=%2Forders%3Fa%3Db%26c")),
            (ErrorKind::NoSession, "/", Some("/sign-in?next=%2F")),
            (StaleAuthentication, "/keys", Some("/confirm?x=1&next=%2Fkeys")),
            (AlreadySignedIn, "/sign-in", Some("/account")),
            (AlreadySignedIn, "/sign-in?next=/orders", Some("/orders")),
            (AlreadySignedIn, "/sign-in?next=//evil.example", Some("/account")),
            (AlreadySignedIn, "/sign-in?next=/sign-in%3Fnext%3D/orders", Some("/account")),
            // None leads to itself.
            (Unauthenticated, "/sign-in?next=/orders", None),
            (StaleAuthentication, "/confirm", None),
            (AlreadySignedIn, "/account", None),
            // What was wanted does not go along if it may lead elsewhere.
            (Unauthenticated, "//evil.example/", Some("/sign-in")),
            (Unauthenticated, "/../x", Some("/sign-in")),
            (Unauthenticated, "https://evil.example/orders", Some("/sign-in?next=%2Forders")),
            (Unauthenticated, "https://evil.example//x", Some("/sign-in")),
            (ErrorKind::Unavailable, "/orders", None),
            (ErrorKind::BackendFailed, "/orders", None),
            (ErrorKind::SessionEnded, "/orders", None),
            (ErrorKind::CrossOrigin, "/orders", None),
        ] {
            let location = sent(&pages(), kind, &Method::GET, uri, NAVIGATES);
            assert_eq!(location.as_deref(), expected, "{kind:?} {uri}");
            // A program is told the error.
            assert_eq!(sent(&pages(), kind, &Method::GET, uri, &[]), None, "{kind:?} {uri}");
        }
        let long = format!("/{}", "a".repeat(3000));
        let location = sent(&pages(), Unauthenticated, &Method::GET, &long, NAVIGATES);
        assert_eq!(location.as_deref(), Some("/sign-in"));
    }

    #[test]
    fn only_a_person_is_sent_there() {
        let html = ("accept", "text/html,*/*;q=0.8");
        for (method, headers, expected) in [
            (Method::GET, NAVIGATES, Some("/sign-in?next=%2Fa")),
            (Method::HEAD, NAVIGATES, Some("/sign-in?next=%2Fa")),
            (Method::GET, &[html], Some("/sign-in?next=%2Fa")),
            // A form cannot be sent again.
            (Method::POST, NAVIGATES, Some("/sign-in")),
            (Method::POST, &[html], Some("/sign-in")),
            (Method::GET, &[html, ("sec-fetch-mode", "cors")], None),
            (Method::GET, &[("accept", "*/*")], None),
            (Method::GET, &[("accept", "application/json")], None),
            (Method::GET, &[], None),
        ] {
            let location = sent(&pages(), ErrorKind::Unauthenticated, &method, "/a", headers);
            assert_eq!(location.as_deref(), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn pages_that_are_not_named() {
        let sent = |kind, uri| sent(&Pages::new(), kind, &Method::GET, uri, NAVIGATES);
        assert_eq!(sent(ErrorKind::Unauthenticated, "/a"), None);
        assert_eq!(sent(ErrorKind::StaleAuthentication, "/a"), None);
        assert_eq!(sent(ErrorKind::AlreadySignedIn, "/a").as_deref(), Some("/"));
        assert_eq!(sent(ErrorKind::AlreadySignedIn, "/"), None);
    }

    #[test]
    fn a_page_is_of_this_site() {
        for page in ["", "sign-in", "//sso.example", "https://sso.example/", "/a#b", "/\\b", "/a b"]
        {
            let error = Pages::new().sign_in(page).unwrap_err();
            assert_eq!(error.key(), "pages.sign_in", "{page:?}");
            Pages::new().confirm(page).unwrap_err();
            Pages::new().home(page).unwrap_err();
        }
    }
}
