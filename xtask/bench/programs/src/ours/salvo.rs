//! The routes on salvo with this project's sessions.

use salvo_core::prelude::*;
use session_bench_kit::linger;
use session_core::SessionStore;
use session_salvo::{RequireUser, Session, SessionError, SessionHandler};

pub(crate) fn app(store: SessionStore) -> Router {
    Router::new()
        .hoop(SessionHandler::new(store))
        .push(Router::with_path("untouched").get(untouched))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("set").post(set))
        .push(Router::with_path("slow-set").post(slow_set))
        .push(Router::with_path("data").get(all_data))
        .push(Router::with_path("sign-in").post(sign_in))
        .push(Router::with_path("sign-out").post(sign_out))
        .push(Router::with_path("rotate").post(rotate))
}

#[handler]
async fn untouched() -> &'static str {
    "hello"
}

#[handler]
async fn me(caller: RequireUser) -> String {
    caller.user.to_string()
}

fn query(request: &Request, name: &str) -> String {
    request.query::<String>(name).unwrap_or_default()
}

#[handler]
async fn set(request: &mut Request, session: Session) -> Result<&'static str, SessionError> {
    session.set(query(request, "key").as_str(), query(request, "value"))?;
    Ok("ok")
}

#[handler]
async fn slow_set(request: &mut Request, session: Session) -> Result<&'static str, SessionError> {
    let ms = request.query::<u64>("ms").unwrap_or_default();
    linger(ms).await;
    session.set(query(request, "key").as_str(), query(request, "value"))?;
    Ok("ok")
}

// Named like nothing in what `handler` writes around it.
#[handler]
async fn all_data(session: Session) -> String {
    session.data().to_json()
}

#[handler]
async fn sign_in(request: &mut Request, session: Session) -> Result<&'static str, SessionError> {
    session.authenticate(query(request, "user").as_str()).await?;
    Ok("ok")
}

#[handler]
async fn sign_out(session: Session) -> Result<&'static str, SessionError> {
    session.logout().await?;
    Ok("ok")
}

#[handler]
async fn rotate(response: &mut Response, session: Session) -> Result<&'static str, SessionError> {
    if session.rotate().await? {
        return Ok("ok");
    }
    response.status_code(StatusCode::UNAUTHORIZED);
    Ok("nobody")
}
