//! What lies around the routes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use http::StatusCode;
use salvo_core::{Depot, FlowCtrl, Request, Response, Scribe, handler};
use session_core::SessionStore;
use session_salvo::user_id_from_depot;

use super::extract::FoundUser;
use crate::problem::{Code, Problem};
use crate::{pages, security};

/// Logs what was asked and how it was answered.
#[handler]
pub(super) async fn traced(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    flow: &mut FlowCtrl,
) {
    flow.call_next(request, depot, response).await;
    let status = response.status_code.map(|status| status.as_u16());
    tracing::debug!(method = %request.method(), uri = %request.uri(), status, "answered");
}

/// Puts the headers that every answer has onto this one.
#[handler]
pub(super) async fn protected(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    flow: &mut FlowCtrl,
) {
    flow.call_next(request, depot, response).await;
    security::protect(response.headers_mut());
}

/// Puts an answer in the place of the one that a panic took away. The panic itself is on standard
/// error.
#[handler]
pub(super) async fn panicked(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    flow: &mut FlowCtrl,
) {
    let done = {
        let mut next = pin!(flow.call_next(request, depot, response));
        std::future::poll_fn(|context| {
            // What the panic left of the request is not looked at again.
            match catch_unwind(AssertUnwindSafe(|| next.as_mut().poll(context))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(_)) => Poll::Ready(Ok(())),
                Err(panic) => Poll::Ready(Err(panic)),
            }
        })
        .await
    };
    if done.is_err() {
        *response = Response::new();
        Problem::from(Code::Internal).render(response);
        flow.skip_rest();
    }
}

/// Says in the demo's words that an address takes another method.
#[handler]
pub(super) async fn not_allowed(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    flow: &mut FlowCtrl,
) {
    flow.call_next(request, depot, response).await;
    if response.status_code == Some(StatusCode::METHOD_NOT_ALLOWED) && response.body.is_none() {
        pages::elsewhere(request.headers(), request.uri(), Code::MethodNotAllowed).render(response);
    }
}

/// Finds out who is signed in, without a database: the eager session handler around this one has
/// loaded the session already.
#[handler]
pub(super) async fn find_user(depot: &mut Depot, response: &mut Response, flow: &mut FlowCtrl) {
    match user_id_from_depot(depot) {
        Ok(user) => {
            depot.insert_typed(FoundUser(user));
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the hoops are misplaced");
            Problem::from(Code::Internal).render(response);
            flow.skip_rest();
        }
    }
}

/// Gives the store to handlers that have no session.
pub(super) struct Given(pub(super) SessionStore);

#[handler]
impl Given {
    async fn handle(&self, depot: &mut Depot) {
        depot.insert_typed(self.0.clone());
    }
}
