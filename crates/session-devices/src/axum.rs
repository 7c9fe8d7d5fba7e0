//! The routes, for axum.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use session_axum::Session;
use session_core::{Error, RequestHead};

use crate::answer::Answer;
use crate::api::DevicesApi;
use crate::page::DevicesPage;
use crate::routes::{API, PAGE, Takes};

impl DevicesPage {
    /// The page's routes for axum, to be nested at any path behind the sessions' layer.
    ///
    /// ```
    /// use axum::Router;
    /// use session_core::SessionStore;
    /// use session_devices::DevicesPage;
    ///
    /// fn app(store: SessionStore) -> Router {
    ///     Router::new()
    ///         .nest("/devices", DevicesPage::new().sign_in_page("/sign-in").axum_routes())
    ///         .layer(session_axum::layer(store))
    /// }
    /// ```
    pub fn axum_routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let page = Arc::new(self);
        PAGE.into_iter().fold(Router::new(), |routes, address| {
            let page = page.clone();
            let goal = move |request: Request| {
                let page = page.clone();
                async move {
                    let (head, parts) = Head::of(request);
                    let action = (address.action)(head.uri.path());
                    response(page.answer(action, head.borrowed(), load(parts)).await)
                }
            };
            routes.route(address.path, on(filter(address.takes), goal))
        })
    }
}

impl DevicesApi {
    /// The routes of the JSON for axum, to be nested at any path behind the sessions' layer.
    ///
    /// ```
    /// use axum::Router;
    /// use session_core::SessionStore;
    /// use session_devices::DevicesApi;
    ///
    /// fn app(store: SessionStore) -> Router {
    ///     Router::new()
    ///         .nest("/api/devices", DevicesApi::new().axum_routes())
    ///         .layer(session_axum::layer(store))
    /// }
    /// ```
    pub fn axum_routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let api = Arc::new(self);
        API.into_iter().fold(Router::new(), |routes, address| {
            let api = api.clone();
            let goal = move |request: Request| {
                let api = api.clone();
                async move {
                    let (head, parts) = Head::of(request);
                    let action = (address.action)(head.uri.path());
                    response(api.answer(action, head.borrowed(), load(parts)).await)
                }
            };
            routes.route(address.path, on(filter(address.takes), goal))
        })
    }
}

/// The head of a request, apart from what its session is loaded from.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    fn of(request: Request) -> (Self, Parts) {
        let (parts, _) = request.into_parts();
        // Inside of a nested router the request's own has lost the prefix.
        let uri = parts.extensions.get().map_or(&parts.uri, |OriginalUri(uri)| uri).clone();
        (Self { method: parts.method.clone(), uri, headers: parts.headers.clone() }, parts)
    }

    const fn borrowed(&self) -> RequestHead<'_> {
        RequestHead { method: &self.method, uri: &self.uri, headers: &self.headers }
    }
}

async fn load(mut parts: Parts) -> Result<session_core::Session, Error> {
    let session = Session::from_request_parts(&mut parts, &()).await;
    session.map(Into::into).map_err(Into::into)
}

const fn filter(takes: Takes) -> MethodFilter {
    match takes {
        // And HEAD, of which axum takes the body away.
        Takes::Get => MethodFilter::GET,
        Takes::Post => MethodFilter::POST,
        Takes::Delete => MethodFilter::DELETE,
    }
}

fn response(answer: Answer) -> Response {
    answer.map(Body::from)
}
