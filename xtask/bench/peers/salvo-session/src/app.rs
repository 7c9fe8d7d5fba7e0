//! The routes, as salvo's `session-login` example and saysion's documentation have applications use
//! sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use salvo::http::StatusCode;
use salvo::prelude::*;
use salvo::session::Session;

const USER: &str = "user";

pub(crate) fn routes() -> Router {
    Router::new()
        .push(Router::with_path("untouched").get(untouched))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("set").post(set))
        .push(Router::with_path("set-many").post(set_many))
        .push(Router::with_path("slow-set").post(slow_set))
        .push(Router::with_path("data").get(data))
        .push(Router::with_path("sign-in").post(sign_in))
        .push(Router::with_path("sign-out").post(sign_out))
        .push(Router::with_path("rotate").post(rotate))
}

#[handler]
async fn untouched() -> &'static str {
    "hello"
}

#[handler]
async fn me(depot: &mut Depot) -> Result<String, StatusCode> {
    let session = depot.session().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    session.get::<String>(USER).ok_or(StatusCode::UNAUTHORIZED)
}

#[handler]
async fn set(request: &mut Request, depot: &mut Depot) -> Result<&'static str, StatusCode> {
    let (key, value) = pair(request)?;
    insert(depot, &key, value)
}

#[handler]
async fn set_many(request: &mut Request, depot: &mut Depot) -> Result<&'static str, StatusCode> {
    let many: u32 = request.query("n").ok_or(StatusCode::BAD_REQUEST)?;
    for nth in 0..many {
        insert(depot, &format!("k{nth}"), nth.to_string())?;
    }
    Ok("ok")
}

#[handler]
async fn slow_set(request: &mut Request, depot: &mut Depot) -> Result<&'static str, StatusCode> {
    let (key, value) = pair(request)?;
    let wait: u64 = request.query("ms").ok_or(StatusCode::BAD_REQUEST)?;
    let _read = depot.session().and_then(|session| session.get::<String>(USER));
    session_bench_kit::print_waiting();
    tokio::time::sleep(Duration::from_millis(wait)).await;
    insert(depot, &key, value)
}

/// The library lists no keys: those that the benchmarks use are looked up one by one.
#[handler]
async fn data(depot: &mut Depot) -> Result<Json<BTreeMap<String, String>>, StatusCode> {
    let session = depot.session().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let names = (0..64).map(|nth| format!("k{nth}")).chain(["color".into(), "late".into()]);
    Ok(Json(names.filter_map(|name| session.get(&name).map(|value| (name, value))).collect()))
}

/// As the example signs in: a new session takes the place of whatever there was.
#[handler]
async fn sign_in(request: &mut Request, depot: &mut Depot) -> Result<&'static str, StatusCode> {
    let user: String = request.query("user").ok_or(StatusCode::BAD_REQUEST)?;
    depot.set_session(Session::new());
    insert(depot, USER, user)
}

/// The example removes the user's key and keeps the session. `destroy` is the library's stronger
/// way, and is what is measured.
#[handler]
async fn sign_out(depot: &mut Depot) -> Result<&'static str, StatusCode> {
    depot.session_mut().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?.destroy();
    Ok("ok")
}

#[handler]
async fn rotate(depot: &mut Depot) -> Result<&'static str, StatusCode> {
    depot.session_mut().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?.regenerate();
    Ok("ok")
}

fn pair(request: &Request) -> Result<(String, String), StatusCode> {
    Ok((
        request.query("key").ok_or(StatusCode::BAD_REQUEST)?,
        request.query("value").ok_or(StatusCode::BAD_REQUEST)?,
    ))
}

fn insert(depot: &mut Depot, key: &str, value: String) -> Result<&'static str, StatusCode> {
    depot
        .session_mut()
        .ok_or(StatusCode::INTERNAL_SERVER_ERROR)?
        .insert(key, value)
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok("ok")
}
