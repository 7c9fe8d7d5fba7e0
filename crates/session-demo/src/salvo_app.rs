//! The demo on salvo: which address belongs to which function, and nothing else.
//!
//! Every route is behind one session handler, which tells its own errors in JSON to scripts and as a
//! page to people. It is one of four kinds, as on axum:
//!
//! - nearly all routes are behind one that loads on first use;
//! - those of programs behind one that accepts bearers, and those of several accounts behind one that has
//!   slots for them;
//! - the route whose user is found out by a hoop behind an eager one.
//!
//! Behind each lies a catcher of panics: the session handler sees the 500 that a panic becomes, drops
//! what was buffered, and the cookie of a sign-in that was committed before still reaches the browser.

mod extract;
mod hoops;
mod people;
mod routes;
mod scripts;

use anyhow::Context;
use salvo_core::conn::tcp::TcpAcceptor;
use salvo_core::{Handler, Response, Router, Scribe, Server, Writer, handler};
use session_core::{CrossSiteGuard, InvalidConfig, SessionStore};
use session_salvo::{SessionHandler, cross_site_guard};
use tokio::net::TcpListener;

use self::extract::Store;
use self::routes::{Route, all, everywhere};
use crate::answer::{Answer, Outcome};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::stop::{Stop, stopped};
use crate::{api, pages};

/// Serves until it is told to stop, and then until the requests in flight are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    store: SessionStore,
    metrics: Option<Metrics>,
    stop: Stop,
) -> anyhow::Result<()> {
    let acceptor = TcpAcceptor::try_from(listener).context("cannot listen")?;
    let app = app(&store, metrics, stop.clone())?;
    let server = Server::new(acceptor);
    let handle = server.handle();
    let stopping = async move {
        stopped(stop).await;
        handle.stop_graceful(None);
        // It is for the server to say that all is done.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = server.try_serve(app) => Ok(served?),
        () = stopping => Ok(()),
    }
}

fn app(
    store: &SessionStore,
    metrics: Option<Metrics>,
    stop: Stop,
) -> Result<Router, InvalidConfig> {
    let sessions = SessionHandler::new(store.clone()).on_error(pages::session_error);
    let router = Router::new()
        .hoop(hoops::traced)
        .hoop(hoops::protected)
        .hoop(hoops::Given(store.clone()))
        .push(behind(sessions.clone(), scripts()))
        // Forms of other sites are refused. The addresses for scripts have no such guard, so that the
        // library's own behaviour can be seen. The page of devices brings its own.
        .push(behind(sessions.clone(), people(stop)).hoop(cross_site_guard(CrossSiteGuard::new())))
        .push(behind(sessions.clone(), devices()))
        .push(behind(sessions.clone().bearer(), programs()))
        .push(
            behind(sessions.clone().accounts(pages::accounts::slots())?, accounts())
                .hoop(cross_site_guard(CrossSiteGuard::new())),
        )
        .push(looked_at(sessions.eager()))
        .push(without_session(metrics).hoop(hoops::panicked))
        .push(everywhere().goal(routes::not_found));
    Ok(router)
}

/// These routes behind the sessions, and between them what catches panics.
pub(crate) fn behind(sessions: SessionHandler, routes: Router) -> Router {
    routes.hoop(sessions).hoop(hoops::panicked)
}

fn without_session(metrics: Option<Metrics>) -> Router {
    let always = [
        Route::at("/healthz").get(health),
        Route::at("/style.css").get(stylesheet),
        Route::at("/live.js").get(script),
        Route::at("/favicon.svg").get(icon),
    ];
    let if_asked = metrics.map(|metrics| Route::at("/metrics").get(ShowsMetrics(metrics)));
    all(always.into_iter().chain(if_asked))
}

struct ShowsMetrics(Metrics);

#[handler]
impl ShowsMetrics {
    async fn handle(&self) -> Answer {
        self.0.show()
    }
}

fn scripts() -> Router {
    all([
        Route::at("/api/public").get(scripts::public),
        Route::at("/api/session").get(scripts::show),
        Route::at("/api/me").get(scripts::me),
        Route::at("/api/login").post(scripts::login),
        Route::at("/api/reauthenticate").post(scripts::reauthenticate),
        Route::at("/api/rotate").post(scripts::rotate),
        Route::at("/api/logout").post(scripts::logout),
        Route::at("/api/goodbye").post(scripts::goodbye),
        Route::at("/api/start-over").post(scripts::start_over),
        Route::at("/api/logout-others").post(scripts::logout_others),
        Route::at("/api/logout-all").post(scripts::logout_all),
        Route::at("/api/sessions").get(scripts::list),
        Route::keyed("/api/sessions/").delete(scripts::revoke),
        Route::at("/api/data").get(scripts::all_data).delete(scripts::clear),
        Route::keyed("/api/data/").get(scripts::read).put(scripts::write).delete(scripts::remove),
        Route::keyed("/api/increment/").post(scripts::increment),
        Route::keyed("/api/slow/").put(scripts::slow),
        Route::keyed("/api/fail/").post(scripts::fail),
        Route::at("/api/fail-login").post(scripts::fail_login),
        Route::at("/api/panic").post(scripts::panic),
        Route::at("/api/fresh").get(scripts::fresh),
        Route::at("/api/purge").post(scripts::purge),
    ])
}

/// What only looks at the session that an eager handler loads, for this goal alone.
fn looked_at(eager: SessionHandler) -> Router {
    let goal = scripts::layer_user.hoop(eager).hoop(hoops::panicked).hoop(hoops::find_user);
    all([Route::at("/api/layer-user").get(goal)])
}

fn people(stop: Stop) -> Router {
    all([
        Route::at("/").get(people::home),
        Route::at("/login").post(people::login),
        Route::at("/logout").post(people::logout),
        Route::at("/logout-others").post(people::logout_others),
        Route::at("/logout-all").post(people::logout_all),
        Route::at("/impersonate").post(people::impersonate),
        Route::at("/impersonate/end").post(people::end_impersonation),
        Route::at("/live").get(people::Live(stop)),
        Route::at("/cart").post(people::cart),
        Route::at("/theme").post(people::theme),
    ])
}

/// The page of devices, whose 405 salvo leaves without a body.
fn devices() -> Router {
    let page = pages::devices::page().salvo_router();
    Router::with_path("devices").hoop(hoops::not_allowed).push(page)
}

/// What programs ask, with a bearer.
fn programs() -> Router {
    all([
        Route::at("/api/token")
            .get(scripts::show_token)
            .post(scripts::issue_token)
            .delete(scripts::end_token),
        Route::at("/api/token/rotate").post(scripts::rotate_token),
    ])
}

fn accounts() -> Router {
    all([
        Route::between("/u/", "/accounts").get(people::accounts),
        Route::between("/u/", "/login").post(people::account_login),
        Route::between("/u/", "/logout").post(people::account_logout),
        Route::between("/u/", "/logout-accounts").post(people::accounts_logout),
    ])
}

#[handler]
async fn health(store: Store) -> Outcome {
    api::service::health(&store.0).await
}

#[handler]
async fn stylesheet() -> Answer {
    pages::stylesheet()
}

#[handler]
async fn script() -> Answer {
    pages::live::script()
}

#[handler]
async fn icon() -> Answer {
    pages::icon()
}

/// The answer takes the place of what was written before.
impl Scribe for Answer {
    fn render(self, response: &mut Response) {
        response.status_code(self.status);
        response.headers_mut().extend(self.headers);
        response.body(self.body);
    }
}

impl Scribe for Problem {
    fn render(self, response: &mut Response) {
        Answer::problem(&self).render(response);
    }
}
