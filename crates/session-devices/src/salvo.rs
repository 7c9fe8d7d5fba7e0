//! The routes, for salvo.

use std::sync::Arc;

use http::header::ALLOW;
use http::{HeaderValue, StatusCode};
use salvo_core::routing::filters::{self, Filter};
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Router, async_trait};
use session_core::{Error, RequestHead, Session};
use session_salvo::SessionDepotExt;

use crate::answer::Answer;
use crate::api::DevicesApi;
use crate::page::DevicesPage;
use crate::routes::{API, Address, PAGE, Takes, ToApi, ToPage};

impl DevicesPage {
    /// The page's routes for salvo, to be pushed at any path behind the sessions' handler.
    ///
    /// ```
    /// use salvo_core::Router;
    /// use session_core::SessionStore;
    /// use session_devices::DevicesPage;
    /// use session_salvo::SessionHandler;
    ///
    /// fn router(store: SessionStore) -> Router {
    ///     let page = DevicesPage::new().sign_in_page("/sign-in");
    ///     Router::new()
    ///         .hoop(SessionHandler::new(store))
    ///         .push(Router::with_path("devices").push(page.salvo_router()))
    /// }
    /// ```
    ///
    /// Another method is 405, with Allow and without a body, which salvo's catcher then writes.
    #[must_use]
    pub fn salvo_router(self) -> Router {
        let page = Arc::new(self);
        let goals = PAGE.map(|Address { path, takes, action }| {
            at(path, takes, PageGoal { page: page.clone(), action })
        });
        goals.into_iter().fold(Router::new(), Router::push)
    }
}

impl DevicesApi {
    /// The routes of the JSON for salvo, to be pushed at any path behind the sessions' handler, as
    /// those of [`DevicesPage`] are.
    #[must_use]
    pub fn salvo_router(self) -> Router {
        let api = Arc::new(self);
        let goals = API.map(|Address { path, takes, action }| {
            at(path, takes, ApiGoal { api: api.clone(), action })
        });
        goals.into_iter().fold(Router::new(), Router::push)
    }
}

/// What an address takes, and 405 for all else.
fn at(path: &'static str, takes: Takes, goal: impl Handler) -> Router {
    let (takes, allowed) = match takes {
        // Of an answer to HEAD salvo takes the body away.
        Takes::Get => (Router::with_filter(filters::get().or(filters::head())), "GET,HEAD"),
        Takes::Post => (Router::with_filter(filters::post()), "POST"),
        Takes::Delete => (Router::with_filter(filters::delete()), "DELETE"),
    };
    let router = Router::new().push(takes.goal(goal));
    let router = router.push(Router::new().goal(NotAllowed(allowed)));
    // The root of what is mounted has no path of its own.
    match path.trim_start_matches('/') {
        "" => router,
        path => Router::with_path(path).push(router),
    }
}

struct PageGoal {
    page: Arc<DevicesPage>,
    action: ToPage,
}

#[async_trait]
impl Handler for PageGoal {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        _: &mut FlowCtrl,
    ) {
        let action = (self.action)(request.uri().path());
        write(self.page.answer(action, head(request), load(depot)).await, response);
    }
}

struct ApiGoal {
    api: Arc<DevicesApi>,
    action: ToApi,
}

#[async_trait]
impl Handler for ApiGoal {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        _: &mut FlowCtrl,
    ) {
        let action = (self.action)(request.uri().path());
        write(self.api.answer(action, head(request), load(depot)).await, response);
    }
}

struct NotAllowed(&'static str);

#[async_trait]
impl Handler for NotAllowed {
    async fn handle(
        &self,
        _: &mut Request,
        _: &mut Depot,
        response: &mut Response,
        _: &mut FlowCtrl,
    ) {
        response.status_code(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(self.0));
    }
}

fn head(request: &Request) -> RequestHead<'_> {
    RequestHead { method: request.method(), uri: request.uri(), headers: request.headers() }
}

async fn load(depot: &mut Depot) -> Result<Session, Error> {
    depot.session().await.map(Into::into).map_err(Into::into)
}

fn write(answer: Answer, response: &mut Response) {
    let (parts, body) = answer.into_parts();
    response.status_code(parts.status);
    response.headers_mut().extend(parts.headers);
    response.body(body);
}
