//! The demo on axum: which address belongs to which function, and nothing else.
//!
//! Every route is behind one session layer, which tells its own errors in JSON to scripts and as a
//! page to people. It is one of four kinds:
//!
//! - nearly all routes are behind one that loads on first use;
//! - those of programs behind one that accepts bearers, and those of several accounts behind one that has
//!   slots for them;
//! - the route whose user is found out by a tower layer behind an eager one.
//!
//! Behind each lies a catcher of panics: the session layer sees the 500 that a panic becomes, drops what
//! was buffered, and the cookie of a sign-in that was committed before still reaches the browser.

mod extract;
mod layers;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::serve::ListenerExt;
use session_axum::{Session, SessionLayer, cross_site_guard, layer};
use session_core::{CrossSiteGuard, InvalidConfig, RequestHead, SessionStore};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use self::extract::{FormBody, JsonBody, Query, Segment};
use crate::answer::Answer;
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::stop::{Stop, stopped};
use crate::{api, pages};

/// Serves until it is told to stop, and then until the requests in flight are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    store: SessionStore,
    metrics: Option<Metrics>,
    stop: Stop,
) -> anyhow::Result<()> {
    // The peer's address comes with the connection; the session layer finds it there.
    let app =
        app(store, metrics, stop.clone())?.into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|connection| {
        // Answers are small and whole: waiting for more to send only costs time.
        let _ = connection.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).with_graceful_shutdown(stopped(stop)).await?)
}

fn app(store: SessionStore, metrics: Option<Metrics>, stop: Stop) -> Result<Router, InvalidConfig> {
    let sessions = layer(store.clone()).on_error(pages::session_error);
    let slots = pages::accounts::slots();
    let router = Router::new()
        .merge(behind(sessions.clone(), scripts().merge(own_forms_only(people(stop)))))
        .merge(behind(sessions.clone().bearer(), programs()))
        .merge(behind(sessions.clone().accounts(slots)?, own_forms_only(accounts())))
        .merge(behind(sessions.eager(), looked_at()))
        .merge(without_session(metrics))
        .fallback(async |request: Request| elsewhere(&request, Code::NotFound))
        .method_not_allowed_fallback(async |request: Request| {
            elsewhere(&request, Code::MethodNotAllowed)
        })
        .layer(axum::middleware::map_response(layers::protected))
        .layer(TraceLayer::new_for_http())
        .with_state(store);
    Ok(router)
}

/// These routes behind the sessions, and between them what catches panics.
pub(crate) fn behind(sessions: SessionLayer, routes: Router<SessionStore>) -> Router<SessionStore> {
    routes.layer(CatchPanicLayer::custom(layers::panicked)).layer(sessions)
}

/// Forms of other sites are refused. The addresses for scripts have no such guard, so that the library's own
/// behaviour can be seen.
fn own_forms_only(pages: Router<SessionStore>) -> Router<SessionStore> {
    pages.route_layer(cross_site_guard(CrossSiteGuard::new()))
}

fn without_session(metrics: Option<Metrics>) -> Router<SessionStore> {
    let routes = match metrics {
        Some(metrics) => Router::new().route("/metrics", get(async move || metrics.show())),
        None => Router::new(),
    };
    routes
        .route("/healthz", get(async |State(store)| api::service::health(&store).await))
        .route("/style.css", get(async || pages::stylesheet()))
        .route("/live.js", get(async || pages::live::script()))
        .route("/favicon.svg", get(async || pages::icon()))
        .layer(CatchPanicLayer::custom(layers::panicked))
}

fn scripts() -> Router<SessionStore> {
    Router::new()
        .route("/api/public", get(async || api::service::public()))
        .route("/api/session", get(async |session: Session| api::identity::show(&session)))
        .route("/api/me", get(async |session: Session| api::identity::me(session.user_id())))
        .route(
            "/api/login",
            post(async |session: Session, JsonBody(body): JsonBody| {
                api::sign_in::login(&session, &body).await
            }),
        )
        .route(
            "/api/reauthenticate",
            post(async |session: Session| api::identity::reauthenticate(&session).await),
        )
        .route("/api/rotate", post(async |session: Session| api::identity::rotate(&session).await))
        .route("/api/logout", post(async |session: Session| api::sign_in::logout(&session).await))
        .route(
            "/api/goodbye",
            post(async |session: Session, JsonBody(body): JsonBody| {
                api::sign_in::goodbye(&session, &body).await
            }),
        )
        .route(
            "/api/start-over",
            post(async |session: Session, JsonBody(body): JsonBody| {
                api::sign_in::start_over(&session, &body).await
            }),
        )
        .route(
            "/api/logout-others",
            post(async |session: Session| api::devices::logout_others(&session).await),
        )
        .route(
            "/api/logout-all",
            post(async |session: Session| api::devices::logout_all(&session).await),
        )
        .route("/api/sessions", get(async |session: Session| api::devices::list(&session).await))
        .keyed("/api/sessions/", revoke())
        .route(
            "/api/data",
            get(async |session: Session| api::data::all(&session))
                .delete(async |session: Session| api::data::clear(&session)),
        )
        .keyed("/api/data/", one_key())
        .keyed("/api/increment/", increment())
        .keyed("/api/slow/", slow())
        .keyed("/api/fail/", fail())
        .route(
            "/api/fail-login",
            post(async |session: Session, JsonBody(body): JsonBody| {
                api::sign_in::fail_login(&session, &body).await
            }),
        )
        // It has a session and writes nothing: the panic is what is to be seen.
        .route("/api/panic", post(async |_: Session| api::failure::panic()))
        .route(
            "/api/fresh",
            get(async |session: Session, Query(query): Query| {
                api::identity::fresh(&session, &query)
            }),
        )
        .route("/api/purge", post(async |State(store)| api::service::purge(&store).await))
}

fn revoke() -> MethodRouter<SessionStore> {
    delete(async |session: Session, Segment(id): Segment| api::devices::revoke(&session, &id).await)
}

fn one_key() -> MethodRouter<SessionStore> {
    get(async |session: Session, Segment(key): Segment| api::data::read(&session, &key))
        .put(async |session: Session, Segment(key): Segment, JsonBody(body): JsonBody| {
            api::data::write(&session, &key, &body)
        })
        .delete(async |session: Session, Segment(key): Segment| api::data::remove(&session, &key))
}

fn increment() -> MethodRouter<SessionStore> {
    post(async |session: Session, Segment(key): Segment| api::data::increment(&session, &key).await)
}

fn slow() -> MethodRouter<SessionStore> {
    put(
        async |session: Session,
               Segment(key): Segment,
               Query(query): Query,
               JsonBody(body): JsonBody| {
            api::data::slow(&session, &key, &query, &body).await
        },
    )
}

fn fail() -> MethodRouter<SessionStore> {
    post(
        async |session: Session,
               Segment(key): Segment,
               Query(query): Query,
               JsonBody(body): JsonBody| {
            api::failure::fail(&session, &key, &query, &body)
        },
    )
}

/// What only looks at the session that an eager layer loaded.
fn looked_at() -> Router<SessionStore> {
    Router::new()
        .route("/api/layer-user", get(async |user: layers::FoundUser| api::identity::me(user.0)))
        .layer(axum::middleware::from_fn(layers::find_user))
}

fn people(stop: Stop) -> Router<SessionStore> {
    Router::new()
        .route(
            "/",
            get(async |session: Session, Query(query): Query| {
                pages::answer(pages::home::show(&session, &query).await)
            }),
        )
        .route(
            "/login",
            post(async |session: Session, FormBody(body): FormBody| {
                pages::answer(pages::sign_in::login(&session, &body).await)
            }),
        )
        .route(
            "/logout",
            post(async |session: Session| pages::answer(pages::sign_in::logout(&session).await)),
        )
        .route(
            "/impersonate",
            post(async |session: Session, FormBody(body): FormBody| {
                pages::answer(pages::support::impersonate(&session, &body).await)
            }),
        )
        .route(
            "/impersonate/end",
            post(async |session: Session| pages::answer(pages::support::end(&session).await)),
        )
        .route("/live", get(async move |session: Session| layers::live(&session, stop)))
        .nest("/devices", pages::devices::page().axum_routes())
        .route(
            "/logout-others",
            post(async |session: Session, method: Method, uri: Uri, headers: HeaderMap| {
                let head = RequestHead { method: &method, uri: &uri, headers: &headers };
                pages::devices::logout_others(&session, head).await
            }),
        )
        .route(
            "/logout-all",
            post(async |session: Session, method: Method, uri: Uri, headers: HeaderMap| {
                let head = RequestHead { method: &method, uri: &uri, headers: &headers };
                pages::devices::logout_all(&session, head).await
            }),
        )
        .route(
            "/cart",
            post(async |session: Session, FormBody(body): FormBody| {
                pages::answer(pages::cart::change(&session, &body).await)
            }),
        )
        .route(
            "/theme",
            post(async |session: Session, FormBody(body): FormBody| {
                pages::answer(pages::theme::choose(&session, &body))
            }),
        )
}

/// What programs ask, with a bearer.
fn programs() -> Router<SessionStore> {
    Router::new()
        .route(
            "/api/token",
            get(async |session: Session| api::token::show(&session))
                .post(async |session: Session, JsonBody(body): JsonBody| {
                    api::token::issue(&session, &body).await
                })
                .delete(async |session: Session| api::token::end(&session).await),
        )
        .route(
            "/api/token/rotate",
            post(async |session: Session| api::token::rotate(&session).await),
        )
}

fn accounts() -> Router<SessionStore> {
    Router::new()
        .route(
            "/u/{account}/accounts",
            get(async |session: Session| pages::answer(pages::accounts::show(&session).await)),
        )
        .route(
            "/u/{account}/login",
            post(async |session: Session, FormBody(body): FormBody| {
                pages::answer(pages::accounts::login(&session, &body).await)
            }),
        )
        .route(
            "/u/{account}/logout",
            post(async |session: Session| pages::answer(pages::accounts::logout(&session).await)),
        )
        .route(
            "/u/{account}/logout-accounts",
            post(async |session: Session| {
                pages::answer(pages::accounts::logout_all(&session).await)
            }),
        )
}

fn elsewhere(request: &Request, code: Code) -> Answer {
    pages::elsewhere(request.headers(), request.uri(), code)
}

/// Routes whose last segment may be anything, the empty one included, for which axum needs a route of
/// its own.
trait Keyed {
    fn keyed(self, prefix: &str, route: MethodRouter<SessionStore>) -> Self;
}

impl Keyed for Router<SessionStore> {
    fn keyed(self, prefix: &str, route: MethodRouter<SessionStore>) -> Self {
        self.route(prefix, route.clone()).route(&format!("{prefix}{{key}}"), route)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        // As a body and not as bytes, to which axum would give a type of content: a redirect has none.
        (self.status, self.headers, Body::from(self.body)).into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Answer::problem(&self).into_response()
    }
}
