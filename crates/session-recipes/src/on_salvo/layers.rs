//! Where salvo's hoops go: the first one is the outermost.

use std::time::Duration;

use salvo_compression::Compression;
use salvo_core::prelude::*;
use salvo_cors::Cors;
use salvo_extra::catch_panic::CatchPanic;
use salvo_extra::logging::Logger;
use salvo_extra::timeout::Timeout;
use session_core::SessionStore;
use session_salvo::{Session, SessionError, SessionHandler};

#[handler]
async fn home(session: Session) -> Result<String, SessionError> {
    let visits = session.get::<u64>("visits")?.unwrap_or(0) + 1;
    session.set("visits", visits)?;
    Ok(format!("visit number {visits}"))
}

#[handler]
async fn fails(session: Session) -> Result<(), SessionError> {
    session.authenticate("alice").await?;
    panic!("after a sign-in, which keeps its cookie");
}

pub fn app(store: SessionStore, pages: &str) -> Service {
    let routes = Router::new()
        .hoop(Compression::new())
        .hoop(SessionHandler::new(store))
        // Behind the session: its cookie goes out whatever these answer.
        .hoop(CatchPanic::new())
        .hoop(Timeout::new(Duration::from_secs(30)))
        .get(home)
        .push(Router::with_path("fails").post(fails));
    // Outside: they see what goes out.
    Service::new(routes)
        .hoop(Logger::new())
        .hoop(Cors::new().allow_origin(pages).allow_credentials(true).into_handler())
}
