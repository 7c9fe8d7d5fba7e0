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
use hyper::service::Service as HyperService;
use salvo::conn::SocketAddr;
use salvo::conn::tcp::TcpAcceptor;
use salvo::core::ConnCtrl;
use salvo::http::uri::Scheme;
use salvo::http::{ReqBody, ResBody};
use salvo::{Router, Server, Service};
use session_bench_kit::{Answer, Call, Command, Database, Route};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let command = Command::parse();
    let mut runtime = match command {
        Command::Serve { .. } => tokio::runtime::Builder::new_multi_thread(),
        Command::Count { .. } => tokio::runtime::Builder::new_current_thread(),
    };
    if let Command::Serve { .. } = command {
        let workers = std::env::var("SESSION_BENCH_WORKERS");
        runtime.worker_threads(workers.map_or(Ok(1), |workers| workers.parse())?);
    }
    runtime.enable_all().build()?.block_on(run(command))
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
    session_bench_kit::count(&mut counted(store::router(database).await?), route, requests).await
}

/// What one connection of a server calls.
struct Counted<S>(S);

fn counted(router: Router) -> impl Call {
    let peer = SocketAddr::from(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)));
    let control = ConnCtrl::new();
    let service = Service::new(router);
    Counted(service.hyper_handler(peer.clone(), peer, Scheme::HTTP, None, control, None))
}

impl<S> Call for Counted<S>
where
    S: HyperService<
            http::Request<ReqBody>,
            Response = http::Response<ResBody>,
            Error = hyper::Error,
        >,
{
    async fn call(&mut self, request: http::Request<()>) -> Result<Answer, Box<dyn Error>> {
        let response = self.0.call(request.map(|()| ReqBody::None)).await?;
        let cookies = response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| value.to_str().map(str::to_owned))
            .collect::<Result<_, _>>()?;
        let status = response.status().as_u16();
        response.into_body().collect().await?;
        Ok(Answer { status, cookies })
    }
}
