//! actix-session, set up as its documentation's getting started does. It is raced and not measured: it
//! is on a framework that no other one here is on.
//!
//! Databases: `redis:` and `cookie:`, the two stores that it ships.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use actix_session::storage::{CookieSessionStore, RedisSessionStore, SessionStore};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::web::{self, Json, Query, ServiceConfig};
use actix_web::{App, Error, HttpResponse, HttpServer};
use session_bench_kit::{Command, Failure, Set, SignIn, known_keys, linger, print_ready, workers};

const USER: &str = "user";

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let Command::Serve { database } = command else {
        return Err("actix-session is raced, and not counted".into());
    };
    actix_web::rt::System::new().block_on(async {
        match database.scheme() {
            "cookie" => serve(CookieSessionStore::default).await,
            "redis" => {
                let store = RedisSessionStore::new(database.url.clone()).await?;
                serve(move || store.clone()).await
            }
            other => Err(format!("no store for {other}:").into()),
        }
    })
}

/// With a store for each worker.
async fn serve<S: SessionStore + 'static>(
    store: impl Fn() -> S + Clone + Send + 'static,
) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let server = HttpServer::new(move || {
        // The key is the same in every process over one database.
        let sessions = SessionMiddleware::new(store(), Key::from(&[7; 64]));
        App::new().wrap(sessions).configure(routes)
    });
    let server = server.workers(workers()?).listen(listener)?;
    print_ready(port);
    Ok(server.run().await?)
}

fn routes(app: &mut ServiceConfig) {
    app.route("/me", web::get().to(me))
        .route("/set", web::post().to(set))
        .route("/slow-set", web::post().to(slow_set))
        .route("/data", web::get().to(data))
        .route("/sign-in", web::post().to(sign_in))
        .route("/sign-out", web::post().to(sign_out))
        .route("/rotate", web::post().to(rotate));
}

async fn me(session: Session) -> Result<HttpResponse, Error> {
    Ok(match session.get::<String>(USER)? {
        Some(user) => HttpResponse::Ok().body(user),
        None => HttpResponse::Unauthorized().finish(),
    })
}

async fn set(session: Session, pair: Query<Set>) -> Result<&'static str, Error> {
    session.insert(&pair.key, &pair.value)?;
    Ok("ok")
}

async fn slow_set(session: Session, pair: Query<Set>) -> Result<&'static str, Error> {
    let _read = session.get::<String>(USER)?;
    linger(pair.ms).await;
    session.insert(&pair.key, &pair.value)?;
    Ok("ok")
}

async fn data(session: Session) -> Result<Json<BTreeMap<String, String>>, Error> {
    let mut data = BTreeMap::new();
    for key in known_keys() {
        if let Some(value) = session.get(&key)? {
            data.insert(key, value);
        }
    }
    Ok(Json(data))
}

/// `renew` gives the session another key, which the library documents against fixation.
async fn sign_in(session: Session, who: Query<SignIn>) -> Result<&'static str, Error> {
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
