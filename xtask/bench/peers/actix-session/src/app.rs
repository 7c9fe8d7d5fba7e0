//! The routes, as the library's documentation has applications use it.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_session::Session;
use actix_web::web::{self, Json, Query, ServiceConfig};
use actix_web::{Error, HttpResponse};
use serde::Deserialize;

const USER: &str = "user";

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.route("/untouched", web::get().to(async || "hello"))
        .route("/me", web::get().to(me))
        .route("/set", web::post().to(set))
        .route("/set-many", web::post().to(set_many))
        .route("/slow-set", web::post().to(slow_set))
        .route("/data", web::get().to(data))
        .route("/sign-in", web::post().to(sign_in))
        .route("/sign-out", web::post().to(sign_out))
        .route("/rotate", web::post().to(rotate));
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    value: String,
    #[serde(default)]
    ms: u64,
}

#[derive(Deserialize)]
struct Many {
    n: u32,
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

async fn me(session: Session) -> Result<HttpResponse, Error> {
    Ok(match session.get::<String>(USER)? {
        Some(user) => HttpResponse::Ok().body(user),
        None => HttpResponse::Unauthorized().finish(),
    })
}

async fn set(session: Session, pair: Query<Pair>) -> Result<&'static str, Error> {
    session.insert(&pair.key, &pair.value)?;
    Ok("ok")
}

async fn set_many(session: Session, many: Query<Many>) -> Result<&'static str, Error> {
    for nth in 0..many.n {
        session.insert(format!("k{nth}"), nth.to_string())?;
    }
    Ok("ok")
}

async fn slow_set(session: Session, pair: Query<Pair>) -> Result<&'static str, Error> {
    let _read = session.get::<String>(USER)?;
    session_bench_kit::print_waiting();
    tokio::time::sleep(Duration::from_millis(pair.ms)).await;
    session.insert(&pair.key, &pair.value)?;
    Ok("ok")
}

async fn data(session: Session) -> Result<Json<BTreeMap<String, String>>, Error> {
    let keys: Vec<_> = session.entries().keys().filter(|key| *key != USER).cloned().collect();
    let mut data = BTreeMap::new();
    for key in keys {
        if let Some(value) = session.get(&key)? {
            data.insert(key, value);
        }
    }
    Ok(Json(data))
}

/// `renew` gives the session another key, which the library documents against fixation.
async fn sign_in(session: Session, who: Query<Who>) -> Result<&'static str, Error> {
    session.renew();
    session.insert(USER, &who.user)?;
    Ok("ok")
}

async fn sign_out(session: Session) -> &'static str {
    session.purge();
    "ok"
}

async fn rotate(session: Session) -> &'static str {
    session.renew();
    "ok"
}
