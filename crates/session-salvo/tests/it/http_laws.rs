//! The request laws, over every backend at hand.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::BodyExt;
use salvo_core::http::cookie::Cookie;
use salvo_core::http::uri::Scheme;
use salvo_core::prelude::*;
use session_conformance::http::{
    ACCOUNTS, App, CONTAINED, FOR_FRESH, FOR_USERS, FOR_VISITORS, FRESH_SECS, Harness, JAR, LOOKS,
    Mount, Panicked, UNTOUCHED, catch_panic, contain, jar_cookie, pages,
};
use session_core::{AccountSlots, MemoryBackend, Peer, SessionBackend, SessionStore};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_salvo::{
    RequireFresh, RequireUser, Session, SessionDepotExt, SessionError, SessionHandler,
    require_anonymous, user_id_from_depot,
};
use session_sqlite::SqliteBackend;
use session_test_servers::given;

struct Salvo {
    backend: Arc<dyn SessionBackend>,
    /// Where the database lies, as long as it is needed.
    _folder: Option<tempfile::TempDir>,
}

async fn over_memory() -> Salvo {
    Salvo { backend: Arc::new(MemoryBackend::new()), _folder: None }
}

async fn over_sqlite() -> Salvo {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let backend = SqliteBackend::connect(file.to_str().unwrap()).await.unwrap();
    backend.migrate().await.unwrap();
    Salvo { backend: Arc::new(backend), _folder: Some(folder) }
}

/// In a schema of its own.
async fn over_postgres() -> Salvo {
    let server = given::postgres().unwrap();
    // A law may make several, and a server has so many connections and no more.
    let config = PostgresConfig::new(server)
        .schema(given::fresh_name())
        .max_connections(NonZeroU32::new(4).unwrap());
    let backend = PostgresBackend::connect_with(config).await.unwrap();
    backend.migrate().await.unwrap();
    Salvo { backend: Arc::new(backend), _folder: None }
}

#[async_trait]
impl Harness for Salvo {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.backend.clone()
    }

    async fn mount(&self, store: SessionStore, mount: Mount) -> Arc<dyn App> {
        let (name, value) = jar_cookie(&store);
        let jar = Jar(Cookie::build((name, value)).path("/").build());
        let path = |prefix: &str| Router::with_path(prefix.trim_start_matches('/'));
        let rest = || Router::with_path("{**rest}");
        let app = Router::new()
            .push(path(UNTOUCHED).goal(untouched).push(rest().goal(untouched)))
            .push(path(LOOKS).goal(looks).push(rest().goal(looks)))
            .push(path(CONTAINED).push(rest().hoop(contained).goal(asks)))
            .push(path(JAR).push(rest().hoop(jar).goal(asks)))
            .push(path(FOR_USERS).push(rest().goal(for_users)))
            .push(path(FOR_FRESH).push(rest().goal(for_fresh)))
            .push(path(FOR_VISITORS).push(rest().hoop(require_anonymous()).goal(untouched)))
            .push(rest().goal(asks));
        let handler = SessionHandler::new(store).pages(pages());
        let app = match mount {
            Mount::Once => app.hoop(handler),
            Mount::Eager => app.hoop(handler.eager()),
            Mount::Bearer => app.hoop(handler.bearer()),
            Mount::Accounts => {
                app.hoop(handler.accounts(AccountSlots::path(ACCOUNTS).count(3)).unwrap())
            }
            Mount::Nested => app.hoop(handler.clone()).hoop(handler),
            Mount::Missing => app,
        };
        Arc::new(Mounted(Service::new(app)))
    }
}

/// Asks twice, once by each way there is.
#[handler]
async fn asks(
    first: Session,
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) -> Result<(), SessionError> {
    let second = depot.session().await?;
    let sessions = [first.into(), second.into()];
    let handled = session_conformance::http::handle(sessions, whole(request).await).await?;
    write(handled, response);
    Ok(())
}

#[handler]
async fn untouched(request: &mut Request, response: &mut Response) {
    write(session_conformance::http::untouched(whole(request).await).await, response);
}

#[handler]
async fn for_users(_user: RequireUser, request: &mut Request, response: &mut Response) {
    write(session_conformance::http::untouched(whole(request).await).await, response);
}

#[handler]
async fn for_fresh(
    _user: RequireFresh<FRESH_SECS>,
    request: &mut Request,
    response: &mut Response,
) {
    write(session_conformance::http::untouched(whole(request).await).await, response);
}

#[handler]
async fn looks(request: &mut Request, depot: &mut Depot, response: &mut Response) {
    let _who = user_id_from_depot(depot);
    write(session_conformance::http::untouched(whole(request).await).await, response);
}

#[handler]
async fn contained(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    ctrl: &mut FlowCtrl,
) {
    let headers = request.headers().clone();
    if let Err(status) = contain(&headers, ctrl.call_next(request, depot, response)).await {
        response.status_code(status);
    }
}

/// Sets a cookie by salvo's own means.
struct Jar(Cookie<'static>);

#[handler]
impl Jar {
    async fn handle(&self, response: &mut Response) {
        response.add_cookie(self.0.clone());
    }
}

async fn whole(request: &mut Request) -> http::Request<Vec<u8>> {
    let body = request.payload().await.unwrap().to_vec();
    let mut whole = http::Request::new(body);
    *whole.method_mut() = request.method().clone();
    *whole.uri_mut() = request.uri().clone();
    *whole.headers_mut() = request.headers().clone();
    whole
}

fn write(answer: http::Response<Vec<u8>>, response: &mut Response) {
    let (parts, body) = answer.into_parts();
    response.status_code(parts.status);
    for (name, value) in &parts.headers {
        response.headers_mut().append(name, value.clone());
    }
    response.body(body);
}

struct Mounted(Service);

#[async_trait]
impl App for Mounted {
    async fn call(
        &self,
        request: http::Request<Vec<u8>>,
        peer: Peer,
    ) -> Result<http::Response<Vec<u8>>, Panicked> {
        let mut request = Request::from_hyper(request, Scheme::HTTP);
        request.extensions_mut().insert(peer);
        catch_panic(async {
            // As it goes out: with the jar written into the headers.
            let (parts, body) = self.0.handle(request).await.into_hyper().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            http::Response::from_parts(parts, body.into())
        })
        .await
    }
}

mod salvo_over_memory {
    session_conformance::http_laws!(super::over_memory);
}

mod salvo_over_memory_cookie_visitors {
    session_conformance::http_laws_of_cookie_visitors!(super::over_memory);
}

mod salvo_over_sqlite {
    session_conformance::http_laws!(super::over_sqlite);
}

mod salvo_over_postgres {
    session_conformance::http_laws!(super::over_postgres, only_if: session_test_servers::given::has_postgres);
}

mod salvo_over_sqlite_cookie_visitors {
    session_conformance::http_laws_of_cookie_visitors!(super::over_sqlite);
}

mod salvo_over_postgres_cookie_visitors {
    session_conformance::http_laws_of_cookie_visitors!(super::over_postgres, only_if: session_test_servers::given::has_postgres);
}
