//! The suite's application: its paths are little programs, `/set.cart.1/login.ann/status.500`.

use std::pin::pin;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Map, Value, json};
use session_core::{Error, ErrorKind, Session, SessionId};

use super::choice::{lifetime, sign_in};
use super::desk::Desk;
use super::harness::{Panicked, catch_panic};
use super::operation::perform;
use crate::race::race_two;

/// Request headers of this name, `name: value` each, become headers of the response.
pub(crate) const ANSWER_HEADER: &str = "x-law-answer";

/// The gate that cuts off a handler under [`CONTAINED`](super::CONTAINED).
pub(crate) const CUT_OFF: &str = "cut-off";

/// The handler of all paths that use their session. Both handles are the ones that the adapter gave
/// for this request: it asks twice, as two extractors would.
///
/// # Errors
/// What the handler returns as its error, to be answered as the adapter answers such errors.
pub async fn handle(
    [session, again]: [Session; 2],
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, Error> {
    let mut run = Run {
        own: session.id(),
        session,
        again,
        desk: Desk::of(request.headers()),
        status: StatusCode::OK,
        results: Vec::new(),
    };
    for step in request.uri().path().split('/') {
        // Boxed: it has room for every verb.
        Box::pin(run.step(step)).await?;
    }
    let body = run.report().to_string().into_bytes();
    Ok(answer(run.status, request.headers(), body))
}

/// What stands between the session's layer and the handler under [`CONTAINED`](super::CONTAINED): a panic is
/// 500, and a handler that the law calls too slow is dropped, which is 408. `headers` are the request's.
///
/// # Errors
/// The status to answer with.
pub async fn contain<T>(
    headers: &HeaderMap,
    handler: impl Future<Output = T>,
) -> Result<T, StatusCode> {
    let mut handler = pin!(catch_panic(handler));
    let gate = Desk::of(headers).map(|desk| desk.gate(CUT_OFF));
    let too_slow = async {
        match gate {
            Some(gate) => gate.pass().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = &mut handler => done.map_err(|Panicked| StatusCode::INTERNAL_SERVER_ERROR),
        () = too_slow => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// The handler of the paths under [`UNTOUCHED`](super::UNTOUCHED).
pub async fn untouched(request: Request<Vec<u8>>) -> Response<Vec<u8>> {
    let mut status = StatusCode::OK;
    for step in request.uri().path().split('/') {
        match step.split_once('.') {
            Some(("status", code)) => status = code.parse().expect("a status"),
            _ if step == "panic" => panic!("the handler panics, as it should"),
            _ => {}
        }
    }
    answer(status, request.headers(), b"untouched".to_vec())
}

fn answer(status: StatusCode, asked: &HeaderMap, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for line in asked.get_all(ANSWER_HEADER) {
        let line = line.to_str().expect("an ASCII header for the answer");
        let (name, value) = line.split_once(": ").expect("`name: value`");
        let name: HeaderName = name.parse().expect("a header's name");
        response.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
    }
    response
}

struct Run {
    /// The session with which the request began.
    own: Option<SessionId>,
    session: Session,
    again: Session,
    desk: Option<std::sync::Arc<Desk>>,
    status: StatusCode,
    results: Vec<Value>,
}

impl Run {
    /// One word of the path: a verb and what it is about, with dots between. Words without a meaning
    /// are only part of the path. A verb that fails ends the request with its error, as `?` does in
    /// a handler; after `try` its error is noted and the request goes on.
    async fn step(&mut self, step: &str) -> Result<(), Error> {
        let Some(tried) = step.strip_prefix("try.") else {
            return self.act(step).await;
        };
        if let Err(error) = self.act(tried).await {
            self.results.push(error.code().into());
        }
        Ok(())
    }

    async fn act(&mut self, step: &str) -> Result<(), Error> {
        let words: Vec<&str> = step.split('.').collect();
        let session = &self.session;
        let result = match words.as_slice() {
            ["set", key, value] => json!(session.set(*key, parsed(value))?),
            ["remove", key] => json!(session.remove(*key)?),
            ["take", key] => json!(session.take::<Value>(*key)?),
            ["clear"] => json!(session.clear()?),
            ["get", key] => json!(self.again.get::<Value>(*key)?),
            ["save"] => json!(session.save().await?),
            ["update", key] => {
                json!(session.update(*key, |n: Option<u64>| n.unwrap_or(0) + 1).await?)
            }
            ["update-panic", key] => {
                let panics = |_: Option<u64>| -> u64 { panic!("the change panics, as it should") };
                json!(session.update(*key, panics).await?)
            }
            ["rotate"] => json!(session.rotate().await?),
            ["reauthenticate"] => json!(session.reauthenticate().await?),
            ["end-others"] => json!(session.reauthenticate_and_end_others().await?),
            ["start-over"] => json!(session.start_over().await?),
            ["may-store"] => json!(session.may_store()),
            // As a middleware does it that keeps a value in every session.
            ["csrf"] => {
                let may = session.may_store();
                if may && !session.contains("csrf") {
                    session.set("csrf", "once")?;
                }
                json!(may)
            }
            ["ended"] => {
                let ended = session.ended();
                json!(ended.map(|ended| json!({ "how": ended.how, "at": ended.at.as_micros() })))
            }
            ["lifetime", how @ ..] => json!(session.set_lifetime(lifetime(how))?),
            ["bearer"] => {
                let token = session.take_bearer_token();
                if let Some(token) = &token {
                    self.desk().hand(token.expose().to_owned());
                }
                json!(token.is_some())
            }
            ["accounts"] => {
                let accounts = session.accounts().await?;
                let shown = |a: &session_core::Account| json!([a.slot, a.user_id, a.is_current]);
                json!(accounts.iter().map(shown).collect::<Vec<_>>())
            }
            ["logout-all-slots"] => json!(session.logout_all_slots().await?),
            ["domain", domain @ ..] => json!(session.set_cookie_domain(&domain.join("."))?),
            ["logout"] => json!(session.logout().await?),
            ["logout-all"] => json!(session.logout_all().await?),
            ["logout-others"] => json!(session.logout_others().await?),
            ["revoke", id] => json!(session.revoke(id.parse().expect("a session id")).await?),
            ["list"] => {
                let sessions = session.list().await?;
                json!(sessions.iter().map(|session| session.id).collect::<Vec<_>>())
            }
            ["login", user] => json!(session.authenticate(*user).await?),
            ["login", user, how @ ..] => {
                json!(session.authenticate_with(sign_in(user, how)?).await?)
            }
            // Two at the same moment, on clones of the handle, as tasks of the handler's.
            ["pair", first, second] => {
                let first = perform(session.clone(), (*first).to_owned(), self.own);
                let second = perform(self.again.clone(), (*second).to_owned(), self.own);
                let (first, second) = race_two(first, second).await;
                self.results.push(first);
                second
            }
            ["one", operation] => perform(session.clone(), (*operation).to_owned(), self.own).await,
            // The handler does not wait for it.
            ["begin", operation] => {
                let operation = perform(session.clone(), (*operation).to_owned(), self.own);
                self.desk().leave(crate::race::on_its_own(operation));
                Value::Null
            }
            ["hold", name] => {
                let gate = self.desk().gate(name);
                gate.pass().await;
                Value::Null
            }
            ["keep"] => {
                self.desk().keep(session.clone());
                Value::Null
            }
            ["panic"] => panic!("the handler panics, as it should"),
            ["error"] => return Err(Error::from_kind(ErrorKind::Internal)),
            ["status", code] => {
                self.status = code.parse().expect("a status");
                Value::Null
            }
            _ => return Ok(()),
        };
        self.results.push(result);
        Ok(())
    }

    fn desk(&self) -> &Desk {
        self.desk.as_deref().expect("a request that names its desk")
    }

    /// What the handler sees at its end, through the second handle.
    fn report(&self) -> Value {
        let session = &self.again;
        let data: Map<String, Value> = session.data().into_map();
        json!({
            "id": session.id().map(|id| id.to_string()),
            "user": session.user_id().map(|user| user.as_str().to_owned()),
            "authenticated": session.is_authenticated(),
            "just_authenticated": session.authenticated_within(Duration::from_secs(1)),
            "data": data,
            "ip": session.meta().ip_address().map(|ip| ip.to_string()),
            "results": self.results,
        })
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
