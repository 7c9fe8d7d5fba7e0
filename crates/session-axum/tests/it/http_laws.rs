//! The request laws, over every backend at hand.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, header};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::any;
use http_body_util::BodyExt;
use session_axum::{
    RequireFresh, RequireUser, Session, SessionError, layer, require_anonymous,
    user_id_from_extensions,
};
use session_conformance::http::{
    ACCOUNTS, App, CONTAINED, FOR_FRESH, FOR_USERS, FOR_VISITORS, FRESH_SECS, Harness, JAR, LOOKS,
    Mount, Panicked, UNTOUCHED, catch_panic, contain, handle, jar_cookie, pages, untouched,
};
use session_core::{AccountSlots, MemoryBackend, Peer, SessionBackend, SessionStore};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_sqlite::SqliteBackend;
use session_test_servers::given;
use tower::ServiceExt;

struct Axum {
    backend: Arc<dyn SessionBackend>,
    /// Where the database lies, as long as it is needed.
    _folder: Option<tempfile::TempDir>,
}

async fn over_memory() -> Axum {
    Axum { backend: Arc::new(MemoryBackend::new()), _folder: None }
}

async fn over_sqlite() -> Axum {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let backend = SqliteBackend::connect(file.to_str().unwrap()).await.unwrap();
    backend.migrate().await.unwrap();
    Axum { backend: Arc::new(backend), _folder: Some(folder) }
}

/// In a schema of its own.
async fn over_postgres() -> Axum {
    let server = given::postgres().unwrap();
    // A law may make several, and a server has so many connections and no more.
    let config = PostgresConfig::new(server)
        .schema(given::fresh_name())
        .max_connections(NonZeroU32::new(4).unwrap());
    let backend = PostgresBackend::connect_with(config).await.unwrap();
    backend.migrate().await.unwrap();
    Axum { backend: Arc::new(backend), _folder: None }
}

#[async_trait]
impl Harness for Axum {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.backend.clone()
    }

    async fn mount(&self, store: SessionStore, mount: Mount) -> Arc<dyn App> {
        let jar = {
            let (name, value) = jar_cookie(&store);
            HeaderValue::from_str(&format!("{name}={value}; Path=/")).unwrap()
        };
        let asks = |first: Session, second: Session, request: Request| async move {
            let handled = handle([first.into(), second.into()], whole(request).await).await;
            handled.map(|response| response.map(Body::from)).map_err(SessionError::from)
        };
        let app = Router::new()
            .route(&format!("{UNTOUCHED}{{*rest}}"), any(does_not_ask))
            .route(UNTOUCHED, any(does_not_ask))
            .route(
                &format!("{JAR}{{*rest}}"),
                any(move |first: Session, second: Session, request: Request| async move {
                    let mut response = asks(first, second, request).await.into_response();
                    response.headers_mut().append(header::SET_COOKIE, jar);
                    response
                }),
            )
            .route(&format!("{LOOKS}{{*rest}}"), any(looks))
            .route(LOOKS, any(looks))
            .route(&format!("{CONTAINED}{{*rest}}"), any(asks).layer(from_fn(contained)))
            .route(
                &format!("{FOR_USERS}{{*rest}}"),
                any(async |_: RequireUser, request: Request| does_not_ask(request).await),
            )
            .route(
                &format!("{FOR_FRESH}{{*rest}}"),
                any(async |_: RequireFresh<FRESH_SECS>, request: Request| {
                    does_not_ask(request).await
                }),
            )
            .route(
                &format!("{FOR_VISITORS}{{*rest}}"),
                any(does_not_ask).layer(require_anonymous()),
            )
            .fallback(asks);
        let layer = |store| layer(store).pages(pages());
        let app = match mount {
            Mount::Once => app.layer(layer(store)),
            Mount::Eager => app.layer(layer(store).eager()),
            Mount::Bearer => app.layer(layer(store).bearer()),
            Mount::Accounts => {
                app.layer(layer(store).accounts(AccountSlots::path(ACCOUNTS).count(3)).unwrap())
            }
            Mount::Nested => app.layer(layer(store.clone())).layer(layer(store)),
            Mount::Missing => app,
        };
        Arc::new(Mounted(app))
    }
}

async fn does_not_ask(request: Request) -> Response<Body> {
    untouched(whole(request).await).await.map(Body::from)
}

async fn looks(request: Request) -> Response<Body> {
    let _who = user_id_from_extensions(request.extensions());
    does_not_ask(request).await
}

async fn contained(request: Request, next: Next) -> Response<Body> {
    let headers = request.headers().clone();
    contain(&headers, next.run(request)).await.unwrap_or_else(IntoResponse::into_response)
}

async fn whole(request: Request) -> http::Request<Vec<u8>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    http::Request::from_parts(parts, body.into())
}

struct Mounted(Router);

#[async_trait]
impl App for Mounted {
    async fn call(
        &self,
        request: http::Request<Vec<u8>>,
        peer: Peer,
    ) -> Result<Response<Vec<u8>>, Panicked> {
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(peer);
        catch_panic(async {
            let response = self.0.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Response::from_parts(parts, body.into())
        })
        .await
    }
}

mod axum_over_memory {
    session_conformance::http_laws!(super::over_memory);
}

mod axum_over_memory_cookie_visitors {
    session_conformance::http_laws_of_cookie_visitors!(super::over_memory);
}

mod axum_over_sqlite {
    session_conformance::http_laws!(super::over_sqlite);
}

mod axum_over_postgres {
    session_conformance::http_laws!(super::over_postgres, only_if: session_test_servers::given::has_postgres);
}

mod axum_over_sqlite_cookie_visitors {
    session_conformance::http_laws_of_cookie_visitors!(super::over_sqlite);
}

mod axum_over_postgres_cookie_visitors {
    session_conformance::http_laws_of_cookie_visitors!(super::over_postgres, only_if: session_test_servers::given::has_postgres);
}
