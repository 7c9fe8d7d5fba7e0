//! The page of devices as it is without a layout around it: `session-devices` alone, in English and in
//! a language that is written from right to left.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::get;
use session_axum::{Session, SessionError};
use session_core::{MemoryBackend, SecurePolicy, SessionConfig, SessionStore};
use session_devices::{DevicesPage, Direction, Words};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::driver::{Chromium, Options, at_hand};
use super::person::Person;
use crate::browser::{Browser, CHROME, FIREFOX};

const PAGE: &str = "/account/devices";

/// It serves until it is dropped.
struct Site {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Site {
    async fn start(page: DevicesPage) -> Self {
        let mut config = SessionConfig::default();
        config.cookie.secure = SecurePolicy::InsecureNever;
        let store = SessionStore::new(MemoryBackend::new(), config).unwrap();
        let app = Router::new()
            .route("/sign-in/{user}", get(sign_in))
            .nest(PAGE, page.axum_routes())
            .layer(session_axum::layer(store));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, _serving: serving }
    }

    async fn signed_in(&self, agent: &'static str) -> Browser {
        let mut browser = Browser::new(self.address);
        browser.agent = agent;
        browser.get("/sign-in/alice").await.check(303);
        browser
    }
}

async fn sign_in(session: Session, Path(user): Path<String>) -> Result<Redirect, SessionError> {
    session.authenticate(user).await?;
    Ok(Redirect::to(PAGE))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_read_and_ends_what_is_not_known() {
    if !at_hand() {
        return;
    }
    let mirrored = Words { direction: Direction::RightToLeft, ..Words::default() };
    for (name, page) in
        [("alone", DevicesPage::new()), ("alone-mirrored", DevicesPage::new().words(mirrored))]
    {
        let site = Site::start(page.after_sign_out(PAGE)).await;
        let options = Options { agent: Some(CHROME), ..Options::default() };
        let person = Person {
            chromium: Chromium::start(&options).await,
            site: format!("http://{}", site.address),
        };
        person.open(PAGE).await;
        person.see(".notice").await;
        person.look(&format!("{name}-not-signed-in")).await;

        let _firefox = site.signed_in(FIREFOX).await;
        let _chrome = site.signed_in(CHROME).await;
        person.open("/sign-in/alice").await;
        person.see(".devices.this").await;
        assert_eq!(person.path().await, PAGE);
        assert_eq!(person.texts("section .device").await.len(), 2);
        person.look(name).await;
        if let Some(script) = super::axe::script() {
            person.check_that_rules_bite(&script).await;
        }
        person.click("section .device button").await;
        person.reads(".count", "1").await;
        person.click(&format!("form[action='{PAGE}/logout-others'] button")).await;
        person.see(".empty").await;
        person.look(&format!("{name}-one-device")).await;
        person.click(".devices.this .device button").await;
        // There, nobody is signed in.
        person.see(".notice").await;
        assert!(person.jar().await.is_empty());
    }
}
