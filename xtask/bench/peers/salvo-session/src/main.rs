//! salvo's own session ([`salvo::session`], over the stores of [`saysion`]) as a program under test,
//! set up as its `session-login` example does.
//!
//! Databases: `memory:`, `sqlite:`, `postgres:`, `redis:`, and `cookie:`, where the session is in the
//! cookie itself.

mod app;
mod store;

use std::error::Error;
use std::net::Ipv4Addr;

use clap::Parser as _;
use http::header::SET_COOKIE;
use http_body_util::BodyExt as _;
use salvo::conn::tcp::TcpAcceptor;
use salvo::http::ReqBody;
use salvo::http::uri::Scheme;
use salvo::{Request, Router, Server, Service};
use session_bench_kit::{Answer, Call, Command, Database, Route};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let workers = match std::env::var("SESSION_BENCH_WORKERS") {
        Ok(number) => number.parse()?,
        Err(_) => 1,
    };
    let command = Command::parse();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()?
        .block_on(run(command))
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Serve { database } => serve(store::router(&database).await?).await,
        Command::Count { database, route, requests } => count(&database, route, requests).await,
    }
}

async fn serve(router: Router) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    session_bench_kit::print_ready(listener.local_addr()?.port());
    Server::new(TcpAcceptor::try_from(listener)?).try_serve(router).await?;
    Ok(())
}

async fn count(database: &Database, route: Route, requests: u32) -> Result<(), Box<dyn Error>> {
    let mut app = Counted(Service::new(store::router(database).await?));
    session_bench_kit::count(&mut app, route, requests).await
}

struct Counted(Service);

impl Call for Counted {
    async fn call(&mut self, request: http::Request<()>) -> Result<Answer, Box<dyn Error>> {
        let request = Request::from_hyper(request.map(|()| ReqBody::None), Scheme::HTTP);
        let mut response = self.0.handle(request).await;
        let status = response.status_code.map_or(200, |status| status.as_u16());
        let cookies = response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| value.to_str().map(str::to_owned))
            .collect::<Result<_, _>>()?;
        response.take_body().collect().await?;
        Ok(Answer { status, cookies })
    }
}
