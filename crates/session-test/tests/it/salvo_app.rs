//! The same application on salvo.

use std::collections::BTreeMap;

use salvo_core::http::{Method, StatusCode, header};
use salvo_core::prelude::*;
use serde_json::{Value, json};
use session_core::SessionStore;
use session_salvo::{Session, SessionError, SessionHandler};
use session_test::TestClient;

pub(crate) fn client(store: SessionStore) -> TestClient {
    let router = Router::new()
        .hoop(SessionHandler::new(store.clone()))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("visits").get(count_visits))
        .push(Router::with_path("sign-out").post(sign_out))
        .push(Router::with_path("echo").goal(echo))
        .push(Router::with_path("form").post(form))
        .push(Router::with_path("json").post(json_back))
        .push(Router::with_path("away").get(away))
        .push(Router::with_path("cookies").get(cookies));
    TestClient::new(Service::new(router), store)
}

#[handler]
async fn me(session: Session) -> Result<String, SessionError> {
    Ok(session.require_user()?.to_string())
}

#[handler]
async fn count_visits(session: Session) -> Result<String, SessionError> {
    let visits: u64 = session.get("visits")?.unwrap_or(0) + 1;
    session.set("visits", visits)?;
    Ok(visits.to_string())
}

#[handler]
async fn sign_out(session: Session) -> Result<(), SessionError> {
    session.logout().await?;
    Ok(())
}

#[handler]
async fn form(request: &mut Request) -> Json<Value> {
    Json(json!(request.parse_form::<BTreeMap<String, String>>().await.unwrap()))
}

#[handler]
async fn json_back(request: &mut Request) -> Json<Value> {
    Json(request.parse_json::<Value>().await.unwrap())
}

#[handler]
async fn away(response: &mut Response) {
    response.status_code(StatusCode::SEE_OTHER);
    response.headers_mut().insert(header::LOCATION, "/me".parse().unwrap());
}

#[handler]
async fn cookies(response: &mut Response) {
    let line = "here=1; Path=/cookies; Max-Age=60; Secure";
    response.headers_mut().append(header::SET_COOKIE, line.parse().unwrap());
}

/// The request as it came.
#[handler]
async fn echo(request: &mut Request) -> Json<Value> {
    let body = request.payload().await.unwrap().to_vec();
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let method: &Method = request.method();
    Json(json!({
        "method": method.as_str(),
        "uri": request.uri().path_and_query().map(ToString::to_string),
        "peer": request.remote_addr().ip().map(|ip| ip.to_string()),
        "host": text(header::HOST),
        "agent": text(header::USER_AGENT),
        "type": text(header::CONTENT_TYPE),
        "cookie": text(header::COOKIE),
        "body": String::from_utf8_lossy(&body),
    }))
}
