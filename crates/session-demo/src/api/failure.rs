//! Routes that go wrong when they are asked to: what becomes of the session then is the point.

use http::StatusCode;
use session_core::{Session, parse_json};

use crate::answer::Outcome;
use crate::problem::{Code, Problem};
use crate::request;

/// `POST /api/fail/{key}?status=500`: sets the key, then answers with that status
pub(crate) fn fail(session: &Session, segment: &str, query: &str, body: &[u8]) -> Outcome {
    let key = request::key(segment)?;
    let status = request::number(query, "status", 500)?;
    let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status));
    let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) else {
        let what = "The query takes one status, from 400 to 599.";
        return Err(Problem::from(Code::InvalidQuery).with_message(what));
    };
    session.set(&*key, parse_json(body)?)?;
    Err(Code::Requested(status).into())
}

/// `POST /api/panic`
pub(crate) fn panic() -> Outcome {
    #[expect(clippy::panic, reason = "this is what the route is for")]
    {
        panic!("somebody asked for a panic")
    }
}
