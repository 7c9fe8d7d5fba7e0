//! salvo's logger: what it writes.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use salvo_core::prelude::*;
use salvo_extra::logging::Logger;
use session_salvo::{RequireUser, SessionError, SessionHandler};
use tracing_subscriber::fmt::MakeWriter;

use super::Place;
use crate::support::{get, sign_in, store};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[handler]
async fn ended_meanwhile(caller: RequireUser) -> Result<&'static str, SessionError> {
    caller.session.set("k", 1)?;
    caller.session.store().revoke_all(&caller.user).await?;
    Ok("stored")
}

/// It looks when everybody is done, so it sees what goes out from either side; outside, what the
/// session tells of is in its request's span.
#[tokio::test]
async fn the_logger_sees_what_goes_out_and_shows_no_token() {
    for place in Place::BOTH {
        let log = Log::default();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let routes = Router::new()
            .push(Router::with_path("ended-meanwhile").get(ended_meanwhile))
            .push(Router::with_path("sign-in").get(sign_in));
        let app = place.mount(routes, SessionHandler::new(store()), Logger::new());
        let user = get(&app, "/sign-in", "").await.cookie();
        let reply = get(&app, "/ended-meanwhile", &user).await;
        assert_eq!(reply.status.as_u16(), 409, "{place:?}");
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("status=200 OK") && text.contains("status=409 Conflict"), "{text}");
        assert!(text.contains("path=/ended-meanwhile"), "{text}");
        let (_, token) = user.split_once('=').unwrap();
        assert!(!text.contains(token), "{place:?}: {text}");
    }
}
