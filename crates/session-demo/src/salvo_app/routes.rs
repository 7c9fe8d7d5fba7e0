//! Addresses as they were sent: salvo's own paths are decoded first and know neither an empty segment
//! nor a slash at the end, and here a key may be anything.

use http::header::ALLOW;
use http::{HeaderValue, Method};
use salvo_core::{Handler, Request, Response, Router, Scribe, handler};

use crate::answer::Answer;
use crate::pages;
use crate::problem::Code;

/// An address and what it takes. What it does not take is 405 and says what it would.
pub(super) struct Route {
    router: Router,
    allowed: Vec<&'static str>,
}

impl Route {
    /// This very address.
    pub(super) fn at(path: &'static str) -> Self {
        Self::where_path(move |sent| sent == path)
    }

    /// An address whose last segment may be anything, the empty one included.
    pub(super) fn keyed(prefix: &'static str) -> Self {
        Self::where_path(move |sent| {
            sent.strip_prefix(prefix).is_some_and(|key| !key.contains('/'))
        })
    }

    /// An address with one segment between these.
    pub(super) fn between(prefix: &'static str, suffix: &'static str) -> Self {
        Self::where_path(move |sent| {
            let rest = sent.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
            rest.is_some_and(|segment| !segment.contains('/'))
        })
    }

    fn where_path(matches: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { router: filtered(move |request| matches(request.uri().path())), allowed: Vec::new() }
    }

    /// HEAD is GET without the body, which salvo takes away.
    pub(super) fn get(mut self, goal: impl Handler) -> Self {
        self.allowed.push("GET");
        self.taking("HEAD", |method| method == Method::GET || method == Method::HEAD, goal)
    }

    pub(super) fn post(self, goal: impl Handler) -> Self {
        self.taking("POST", |method| method == Method::POST, goal)
    }

    pub(super) fn put(self, goal: impl Handler) -> Self {
        self.taking("PUT", |method| method == Method::PUT, goal)
    }

    pub(super) fn delete(self, goal: impl Handler) -> Self {
        self.taking("DELETE", |method| method == Method::DELETE, goal)
    }

    fn taking(
        mut self,
        name: &'static str,
        matches: impl Fn(&Method) -> bool + Send + Sync + 'static,
        goal: impl Handler,
    ) -> Self {
        self.allowed.push(name);
        let takes = filtered(move |request| matches(request.method())).goal(goal);
        Self { router: self.router.push(takes), allowed: self.allowed }
    }
}

/// A router of these.
pub(super) fn all(routes: impl IntoIterator<Item = Route>) -> Router {
    routes.into_iter().fold(Router::new(), |all, Route { router, allowed }| {
        all.push(router.push(everywhere().goal(NotAllowed(allowed.join(",")))))
    })
}

/// A router for every request.
pub(super) fn everywhere() -> Router {
    filtered(|_| true)
}

fn filtered(matches: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Router {
    Router::with_filter_fn(move |request, path| {
        let matched = matches(request);
        if matched {
            // The whole path is dealt with: salvo shall not look for more routes in it.
            path.forward(usize::MAX);
        }
        matched
    })
}

#[handler]
pub(super) async fn not_found(request: &mut Request) -> Answer {
    pages::elsewhere(request.headers(), request.uri(), Code::NotFound)
}

struct NotAllowed(String);

#[handler]
impl NotAllowed {
    async fn handle(&self, request: &mut Request, response: &mut Response) {
        let answer = pages::elsewhere(request.headers(), request.uri(), Code::MethodNotAllowed);
        match HeaderValue::from_str(&self.0) {
            Ok(allowed) => answer.with(ALLOW, allowed),
            Err(_) => answer,
        }
        .render(response);
    }
}
