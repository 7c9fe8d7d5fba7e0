//! Endpoints that are in a document of salvo-oapi, and take sessions.

use salvo_core::http::Method;
use salvo_core::prelude::*;
use salvo_oapi::{OpenApi, endpoint};
use serde_json::Value;
use session_salvo::{
    Next, RequireAnonymous, RequireFresh, RequireUser, Session, SessionError, SessionHandler,
};

use crate::support::{ask, get, store};

#[endpoint]
async fn visits(session: Session) -> String {
    session.is_authenticated().to_string()
}

#[endpoint]
async fn me(who: RequireUser) -> String {
    who.to_string()
}

#[endpoint]
async fn keys(who: RequireFresh<60>) -> String {
    who.to_string()
}

#[endpoint]
async fn sign_in(visitor: RequireAnonymous, next: Next) -> Result<String, SessionError> {
    visitor.session.authenticate("alice").await?;
    Ok(next.path_or("/account").to_owned())
}

fn router() -> Router {
    Router::new()
        .push(Router::with_path("visits").get(visits))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("keys").get(keys))
        .push(Router::with_path("sign-in").post(sign_in))
}

#[tokio::test]
async fn endpoints_take_sessions() {
    let service = Service::new(router().hoop(SessionHandler::new(store())));
    get(&service, "/me", "").await.check("a visitor", 401, "nobody is signed in\n");
    let reply = ask(&service, Method::POST, "/sign-in?next=%2Forders", "").await;
    let reply = reply.check("signs in", 200, "/orders");
    let cookie = reply.cookie();
    for (path, body) in [("/visits", "true"), ("/me", "alice"), ("/keys", "alice")] {
        get(&service, path, &cookie).await.check(path, 200, body);
    }
    let again = ask(&service, Method::POST, "/sign-in", &cookie).await;
    again.check("again", 409, "somebody is signed in already\n");
}

#[test]
fn the_document_lists_their_answers() {
    let document = OpenApi::new("sessions", "1").merge_router(&router());
    let document: Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();
    for (path, method, expected) in [
        ("/visits", "get", &["200", "503"][..]),
        ("/me", "get", &["200", "401", "503"]),
        ("/keys", "get", &["200", "401", "403", "503"]),
        ("/sign-in", "post", &["200", "400", "401", "403", "409", "413", "500", "503"]),
    ] {
        let endpoint = &document["paths"][path][method];
        let mut statuses: Vec<_> = endpoint["responses"].as_object().unwrap().keys().collect();
        statuses.sort();
        assert_eq!(statuses, expected, "{path}");
    }
    let parameters = &document["paths"]["/sign-in"]["post"]["parameters"];
    assert_eq!((&parameters[0]["name"], &parameters[0]["in"]), (&"next".into(), &"query".into()));
    assert_eq!(document["paths"]["/me"]["get"]["parameters"], Value::Null);
}
