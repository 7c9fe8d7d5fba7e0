//! [`session_guard`] as a program under test, set up as its README's quick start does.
//!
//! It holds who is signed in and no data of the application, so the routes that store answer 501.
//! Databases: `memory:`, `postgres:`, and `redis:` for Valkey or Redis; it has none for SQLite.

mod app;
mod store;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::ListenerExt as _;
use clap::Parser as _;
use http::header::SET_COOKIE;
use http_body_util::BodyExt as _;
use session_bench_kit::{Answer, Call, Command, Database, Route};
use tokio::net::TcpListener;
use tower::{Service as _, ServiceExt as _};

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
    // As servers do: an answer is not held back for another one.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

async fn count(database: &Database, route: Route, requests: u32) -> Result<(), Box<dyn Error>> {
    let mut app = Counted(store::router(database).await?);
    session_bench_kit::count(&mut app, route, requests).await
}

struct Counted(Router);

impl Call for Counted {
    async fn call(&mut self, request: http::Request<()>) -> Result<Answer, Box<dyn Error>> {
        let mut request = request.map(|()| Body::empty());
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.0.as_service().ready().await?.call(request).await?;
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
