//! An open page that notices the end of its session, wherever that is made: a stream that tells it, and
//! the small script that listens.

use futures_util::{Stream, StreamExt, stream};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use session_core::Session;

use crate::answer::Answer;
use crate::stop::{Stop, stopped};

/// The name of the event that says so.
pub(crate) const ENDED: &str = "ended";

/// `GET /live.js`
pub(crate) fn script() -> Answer {
    let text = include_str!("live.js");
    Answer::new(StatusCode::OK, "text/javascript; charset=utf-8", text.into())
        .with(CACHE_CONTROL, HeaderValue::from_static("max-age=300"))
}

/// `GET /live`: one item when nobody is signed in in this session any more; it ends without one when the
/// server stops, and then the browser asks again.
pub(crate) fn until_ended(session: &Session, stop: Stop) -> impl Stream<Item = ()> + Send + use<> {
    let is_over = session.user_id().is_none();
    let ended = session.until_ended();
    let told = async move {
        if is_over {
            return Some(());
        }
        tokio::select! {
            () = ended => Some(()),
            () = stopped(stop) => None,
        }
    };
    stream::once(told).filter_map(std::future::ready)
}
