//! [`actix_session`] as a program under test, set up as its documentation's getting started does.
//!
//! Databases: `redis:` and `cookie:`, the two stores that it ships, and `memory:`, a store of this
//! program that does what its Redis store does. It ships none for SQLite or PostgreSQL.
//!
//! `count` calls the application through [`actix_web::test::init_service`]: what actix does between a
//! parsed request and an answer, with neither its server nor its worker threads. `http::Request` is
//! made into actix's own request first, which is counted too.

mod app;
mod memory;

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};

use actix_session::SessionMiddleware;
use actix_session::storage::{CookieSessionStore, RedisSessionStore, SessionStore};
use actix_web::cookie::Key;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{HeaderName, SET_COOKIE};
use actix_web::{App, HttpServer, test};
use clap::Parser as _;
use session_bench_kit::{Answer, Call, Command, Database, Route};

use crate::memory::MemoryStore;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let command = Command::parse();
    let (Command::Serve { database } | Command::Count { database, .. }) = &command;
    match database.scheme() {
        "memory" => run(MemoryStore::default(), MemoryStore::clone, &command).await,
        "cookie" => run((), |()| CookieSessionStore::default(), &command).await,
        "redis" => {
            let store = RedisSessionStore::new(database.url.clone()).await?;
            run(store, RedisSessionStore::clone, &command).await
        }
        other => Err(format!("no store for {other}:").into()),
    }
}

/// Runs the command with `store` made of `shared`, once for each worker.
async fn run<T, S>(
    shared: T,
    store: impl Fn(&T) -> S + Clone + Send + 'static,
    command: &Command,
) -> Result<(), Box<dyn Error>>
where
    T: Clone + Send + 'static,
    S: SessionStore + 'static,
{
    match command {
        Command::Serve { .. } => serve(move || store(&shared)).await,
        Command::Count { route, requests, .. } => count(store(&shared), *route, *requests).await,
    }
}

async fn serve<S: SessionStore + 'static>(
    store: impl Fn() -> S + Clone + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let workers = match std::env::var("SESSION_BENCH_WORKERS") {
        Ok(number) => number.parse()?,
        Err(_) => 1,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let server = HttpServer::new(move || {
        App::new().wrap(SessionMiddleware::new(store(), key())).configure(app::routes)
    })
    .workers(workers)
    .listen(listener)?;
    session_bench_kit::print_ready(port);
    Ok(server.run().await?)
}

/// The same in every process over one database.
fn key() -> Key {
    Key::from(&[7; 64])
}

async fn count<S: SessionStore + 'static>(
    store: S,
    route: Route,
    requests: u32,
) -> Result<(), Box<dyn Error>> {
    let app = App::new().wrap(SessionMiddleware::new(store, key())).configure(app::routes);
    let mut app = Counted(test::init_service(app).await);
    session_bench_kit::count(&mut app, route, requests).await
}

struct Counted<A>(A);

impl<A> Call for Counted<A>
where
    A: Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
{
    async fn call(&mut self, request: http::Request<()>) -> Result<Answer, Box<dyn Error>> {
        let mut made = test::TestRequest::with_uri(&request.uri().to_string())
            .method(actix_web::http::Method::from_bytes(request.method().as_str().as_bytes())?);
        for (name, value) in request.headers() {
            let name = HeaderName::from_bytes(name.as_str().as_bytes())?;
            made = made.append_header((name, value.as_bytes()));
        }
        let response = self.0.call(made.to_request()).await?;
        let cookies = response
            .headers()
            .get_all(SET_COOKIE)
            .map(|value| value.to_str().map(str::to_owned))
            .collect::<Result<_, _>>()?;
        let status = response.status().as_u16();
        test::read_body(response).await;
        Ok(Answer { status, cookies })
    }
}
