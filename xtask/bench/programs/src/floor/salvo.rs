//! The routes on salvo, with sessions that are written by hand; over `memory:` with none at all.

use std::sync::Arc;

use salvo_core::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use salvo_core::prelude::*;
use serde_json::{Map, Value};

use super::{Row, Sessions, Token};

pub(crate) fn app(sessions: Sessions) -> Router {
    let router = Router::new().push(Router::with_path("untouched").get(untouched));
    match sessions {
        Sessions::Nowhere => router
            .push(Router::with_path("me").get(fixed_user))
            .push(Router::with_path("sign-in").post(accept)),
        sessions => {
            let sessions = Arc::new(sessions);
            router
                .push(Router::with_path("me").get(Me(sessions.clone())))
                .push(Router::with_path("set").post(Set(sessions.clone())))
                .push(Router::with_path("sign-in").post(SignIn(sessions)))
        }
    }
}

#[handler]
async fn untouched() -> &'static str {
    "hello"
}

/// The floor of a route that knows its user: it has always known them.
#[handler]
async fn fixed_user() -> String {
    "alice".to_owned()
}

#[handler]
async fn accept(request: &mut Request) -> &'static str {
    let _ = request.query::<String>("user");
    "ok"
}

async fn session(sessions: &Sessions, request: &Request) -> Result<(Token, Row), StatusCode> {
    let cookies = request.headers().get(COOKIE).and_then(|value| value.to_str().ok());
    let found = sessions.find(cookies).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    found.ok_or(StatusCode::UNAUTHORIZED)
}

/// `ok`, or the status of what went wrong.
fn answer(response: &mut Response, text: Result<String, StatusCode>) {
    match text {
        Ok(text) => response.render(text),
        Err(status) => {
            response.status_code(status);
        }
    }
}

struct Me(Arc<Sessions>);

#[handler]
impl Me {
    async fn handle(&self, request: &mut Request, response: &mut Response) {
        let found = session(&self.0, request).await;
        let user = found.and_then(|(_, row)| row.user_id.ok_or(StatusCode::UNAUTHORIZED));
        answer(response, user);
    }
}

async fn store(
    sessions: &Sessions,
    request: &Request,
    changes: Map<String, Value>,
) -> Result<String, StatusCode> {
    let (token, _) = session(sessions, request).await?;
    match sessions.set(&token, changes).await {
        Ok(true) => Ok("ok".to_owned()),
        Ok(false) => Err(StatusCode::UNAUTHORIZED),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

struct Set(Arc<Sessions>);

#[handler]
impl Set {
    async fn handle(&self, request: &mut Request, response: &mut Response) {
        let key = request.query::<String>("key").unwrap_or_default();
        let value = request.query::<String>("value").unwrap_or_default();
        let changes = Map::from_iter([(key, Value::String(value))]);
        answer(response, store(&self.0, request, changes).await);
    }
}

struct SignIn(Arc<Sessions>);

#[handler]
impl SignIn {
    async fn handle(&self, request: &mut Request, response: &mut Response) {
        let user = request.query::<String>("user").unwrap_or_default();
        let cookie =
            self.0.sign_in(&user).await.ok().and_then(|cookie| HeaderValue::try_from(cookie).ok());
        let signed_in = cookie.map(|cookie| {
            response.headers_mut().append(SET_COOKIE, cookie);
            "ok".to_owned()
        });
        answer(response, signed_in.ok_or(StatusCode::SERVICE_UNAVAILABLE));
    }
}
