//! A small application that mounts the page and the JSON, on either framework, and browsers before it.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Body;
use http::header::{COOKIE, HeaderMap, SET_COOKIE, USER_AGENT};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use salvo_core::http::uri::Scheme;
use salvo_core::{Depot, Service, handler};
use serde_json::Value;
use session_core::{MemoryBackend, SessionBackend, SessionConfig, SessionStore};
use session_devices::{DevicesApi, DevicesPage};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_salvo::{SessionDepotExt, SessionHandler};
use session_sqlite::SqliteBackend;
use session_test_servers::given;
use tower::ServiceExt;

pub(crate) const CHROME: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 \
     (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
pub(crate) const FIREFOX: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Framework {
    Axum,
    Salvo,
}

/// A framework over a backend.
pub(crate) struct Place {
    pub(crate) framework: Framework,
    backend: Arc<dyn SessionBackend>,
    /// Where the database lies, as long as it is needed.
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) async fn over_memory(framework: Framework) -> Option<Self> {
        Some(Self { framework, backend: Arc::new(MemoryBackend::new()), _folder: None })
    }

    pub(crate) async fn over_sqlite(framework: Framework) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        let backend = SqliteBackend::connect(file.to_str().unwrap()).await.unwrap();
        backend.migrate().await.unwrap();
        Some(Self { framework, backend: Arc::new(backend), _folder: Some(folder) })
    }

    /// In a schema of its own.
    pub(crate) async fn over_postgres(framework: Framework) -> Option<Self> {
        if !given::has_postgres() {
            return None;
        }
        let config = PostgresConfig::new(given::postgres().unwrap())
            .schema(given::fresh_name())
            .max_connections(NonZeroU32::new(2).unwrap());
        let backend = PostgresBackend::connect_with(config).await.unwrap();
        backend.migrate().await.unwrap();
        Some(Self { framework, backend: Arc::new(backend), _folder: None })
    }

    /// The page at `/account/devices`, the JSON at `/api/devices`.
    pub(crate) fn site(&self, page: DevicesPage, api: DevicesApi) -> Site {
        let store = SessionStore::shared(self.backend.clone(), SessionConfig::default());
        Site::new(self.framework, store.unwrap(), page, api)
    }
}

/// The application.
pub(crate) enum Site {
    Axum(axum::Router),
    Salvo(Service),
}

impl Site {
    pub(crate) fn new(
        framework: Framework,
        store: SessionStore,
        page: DevicesPage,
        api: DevicesApi,
    ) -> Self {
        match framework {
            Framework::Axum => Self::Axum(
                axum::Router::new()
                    .route("/sign-in/{user}", axum::routing::post(axum_signs_in))
                    .route("/act-for/{user}", axum::routing::post(axum_acts_for))
                    .nest("/account/devices", page.axum_routes())
                    .nest("/api/devices", api.axum_routes())
                    .layer(session_axum::layer(store)),
            ),
            Framework::Salvo => {
                let at = salvo_core::Router::with_path;
                Self::Salvo(Service::new(
                    salvo_core::Router::new()
                        .hoop(SessionHandler::new(store))
                        .push(at("sign-in/{user}").post(salvo_signs_in))
                        .push(at("act-for/{user}").post(salvo_acts_for))
                        .push(at("account/devices").push(page.salvo_router()))
                        .push(at("api/devices").push(api.salvo_router())),
                ))
            }
        }
    }

    /// Answers one request.
    pub(crate) async fn call(&self, request: http::Request<()>) -> Reply {
        let response = match self {
            Self::Axum(router) => {
                let request = request.map(|()| Body::empty());
                let response = router.clone().oneshot(request).await.unwrap();
                whole(response).await
            }
            Self::Salvo(service) => {
                let request = request.map(|()| Vec::new());
                let request = salvo_core::Request::from_hyper(request, Scheme::HTTP);
                whole(service.handle(request).await.into_hyper()).await
            }
        };
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body).unwrap();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { site: self, cookie: None, agent: CHROME }
    }

    pub(crate) async fn signed_in(&self, user: &str) -> Browser<'_> {
        self.signed_in_with(user, CHROME).await
    }

    pub(crate) async fn signed_in_with(&self, user: &str, agent: &'static str) -> Browser<'_> {
        let mut browser = Browser { agent, ..self.browser() };
        browser.post(&format!("/sign-in/{user}")).await.check(200);
        browser
    }
}

async fn whole<B>(response: http::Response<B>) -> http::Response<Vec<u8>>
where
    B: BodyExt<Error: std::fmt::Debug>,
{
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    http::Response::from_parts(parts, body.into())
}

async fn axum_signs_in(
    session: session_axum::Session,
    axum::extract::Path(user): axum::extract::Path<String>,
) -> Result<(), session_axum::SessionError> {
    Ok(session.authenticate(user).await?)
}

async fn axum_acts_for(
    session: session_axum::Session,
    axum::extract::Path(user): axum::extract::Path<String>,
) -> Result<(), session_axum::SessionError> {
    Ok(session.impersonate(user).await?)
}

#[handler]
async fn salvo_acts_for(
    request: &mut salvo_core::Request,
    depot: &mut Depot,
) -> Result<&'static str, session_salvo::SessionError> {
    let user: String = request.param("user").unwrap();
    depot.session().await?.impersonate(user).await?;
    Ok("")
}

#[handler]
async fn salvo_signs_in(
    request: &mut salvo_core::Request,
    depot: &mut Depot,
) -> Result<&'static str, session_salvo::SessionError> {
    let user: String = request.param("user").unwrap();
    depot.session().await?.authenticate(user).await?;
    Ok("")
}

/// A browser as far as sessions go: it keeps one cookie.
#[derive(Clone)]
pub(crate) struct Browser<'s> {
    site: &'s Site,
    pub(crate) cookie: Option<String>,
    agent: &'static str,
}

impl Browser<'_> {
    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, &[]).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Reply {
        self.send(Method::POST, path, &[]).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[]).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Reply {
        let mut request = http::Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        let head = request.headers_mut();
        head.insert(USER_AGENT, HeaderValue::from_static(self.agent));
        if let Some(cookie) = &self.cookie {
            head.insert(COOKIE, cookie.parse().unwrap());
        }
        for (name, value) in headers {
            head.insert(*name, value.parse().unwrap());
        }
        let reply = self.site.call(request).await;
        if let Some(set) = reply.headers.get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        reply
    }

    /// The ids of the user's sessions, this one's first.
    pub(crate) async fn ids(&mut self) -> Vec<String> {
        let reply = self.get("/api/devices").await.check(200);
        let mut sessions = reply.json()["sessions"].as_array().unwrap().clone();
        sessions.sort_by_key(|session| session["current"] != true);
        sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/api/devices").await.status == StatusCode::OK
    }
}

/// A response as it goes out.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn check(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// 303 to there.
    #[track_caller]
    pub(crate) fn leads_to(self, path: &str) -> Self {
        let reply = self.check(303);
        assert_eq!(reply.header("location"), path);
        reply
    }

    /// A page of ours.
    #[track_caller]
    pub(crate) fn page(self, status: u16) -> String {
        let reply = self.check(status);
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        let page = reply.body;
        assert!(page.starts_with("<!doctype html>") && page.contains("<h1>"), "{page}");
        assert!(!page.contains("<script") && !page.contains("style="), "{page}");
        page
    }

    /// An error in JSON.
    #[track_caller]
    pub(crate) fn error(self, status: u16, code: &str) -> Self {
        let reply = self.check(status);
        assert_eq!(reply.json()["error"], code);
        assert!(reply.json()["message"].as_str().unwrap().ends_with('.'));
        reply
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.body).unwrap()
    }

    /// The header's value, or nothing if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
