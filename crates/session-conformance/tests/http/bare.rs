//! An adapter that calls the core directly, without any framework: the reference for others. Its
//! faults, one for each law that guards signing in, are in [`crate::faulty`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, header};
use session_conformance::async_trait;
use session_conformance::http::{
    ACCOUNTS, App, CONTAINED, FOR_FRESH, FOR_USERS, FOR_VISITORS, FRESH_SECS, Harness, JAR, LOOKS,
    Mount, Panicked, UNTOUCHED, catch_panic, contain, handle, jar_cookie, pages, untouched,
};
use session_core::{
    AccountSlots, Asked, Error, ErrorKind, Guard, MemoryBackend, Peer, RequestHead, Session,
    SessionBackend, SessionStore, TokenHash, Transport, Visit,
};

use crate::faulty::Fault;

pub(crate) struct Bare {
    backend: Arc<dyn SessionBackend>,
    fault: Option<Fault>,
}

impl Bare {
    pub(crate) fn sound() -> Self {
        Self { backend: Arc::new(MemoryBackend::new()), fault: None }
    }

    pub(crate) fn with(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::sound() }
    }
}

#[async_trait]
impl Harness for Bare {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.backend.clone()
    }

    async fn mount(&self, store: SessionStore, mount: Mount) -> Arc<dyn App> {
        let (backend, fault) = (self.backend.clone(), self.fault);
        let transport = match mount {
            Mount::Bearer => Transport::default().bearer(),
            Mount::Accounts => {
                let slots = AccountSlots::path(ACCOUNTS).count(3);
                Transport::default().accounts(slots, &store).expect("slots that can be")
            }
            Mount::Once | Mount::Eager | Mount::Nested | Mount::Missing => Transport::default(),
        };
        let aliases = Mutex::default();
        Arc::new(BareApp { store, mount, transport, backend, fault, aliases })
    }
}

pub(crate) struct BareApp {
    pub(crate) store: SessionStore,
    mount: Mount,
    transport: Transport,
    /// The backend itself, for faults: what they ask of it is not counted.
    pub(crate) backend: Arc<dyn SessionBackend>,
    fault: Option<Fault>,
    pub(crate) aliases: Mutex<HashMap<TokenHash, String>>,
}

#[async_trait]
impl App for BareApp {
    async fn call(
        &self,
        request: Request<Vec<u8>>,
        peer: Peer,
    ) -> Result<Response<Vec<u8>>, Panicked> {
        catch_panic(Box::pin(self.answer(request, peer))).await
    }
}

impl BareApp {
    async fn answer(&self, request: Request<Vec<u8>>, peer: Peer) -> Response<Vec<u8>> {
        let begun = self.store.begin_by(&self.transport, request.uri(), request.headers());
        let visit = match begun {
            Ok(visit) => visit,
            Err(error) => return error_answer(&error),
        };
        match self.fault {
            Some(fault) => fault.serve(self, visit, request, peer).await,
            None => self.serve(&visit, request, peer).await,
        }
    }

    /// Whether it is mounted as it should not be.
    pub(crate) const fn is_misplaced(&self) -> bool {
        matches!(self.mount, Mount::Nested | Mount::Missing)
    }

    /// The whole of an adapter.
    pub(crate) async fn serve(
        &self,
        visit: &Visit,
        request: Request<Vec<u8>>,
        peer: Peer,
    ) -> Response<Vec<u8>> {
        visit.attach(request.method(), request.uri(), request.headers(), peer, None);
        if self.mount == Mount::Eager
            && let Err(error) = visit.load_unasked().await
        {
            return error_answer(&error);
        }
        let path = request.uri().path().to_owned();
        // What a program is handed has laws of its own.
        let is_program = request.headers().contains_key(header::AUTHORIZATION);
        // Data only: an equal lifetime that is saved explicitly is sent, and that is another law's.
        let chooses_lifetime = path.contains("/lifetime");
        let mut response = if path.starts_with(CONTAINED) {
            let headers = request.headers().clone();
            let contained = contain(&headers, Box::pin(self.route(visit, request))).await;
            contained.unwrap_or_else(|status| {
                let mut response = Response::default();
                *response.status_mut() = status;
                response
            })
        } else {
            self.route(visit, request).await
        };
        if self.fault == Some(Fault::SavesTheUnchanged) && !chooses_lifetime {
            save_unchanged(visit, &path, response.status()).await;
        }
        let status = match response.status() {
            StatusCode::REQUEST_TIMEOUT
                if self.fault == Some(Fault::TakesTimeOutsForAnswers) && !is_program =>
            {
                StatusCode::OK
            }
            status => status,
        };
        let mut conclusion = visit.finish(status).await;
        if let Some(error) = conclusion.take_error() {
            response = error_answer(&error);
        }
        conclusion.apply(response.headers_mut());
        response
    }

    /// Behind a guard.
    async fn guarded(
        &self,
        guard: Guard,
        visit: &Visit,
        request: Request<Vec<u8>>,
    ) -> Response<Vec<u8>> {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let asked = Asked::of(RequestHead { method, uri, headers });
        let checked = visit.load().await.and_then(|session| guard.check(&session));
        let Err(error) = checked else { return untouched(request).await };
        match pages().redirect(&error, &asked) {
            Some(mut redirect) => {
                if self.fault == Some(Fault::BelievesNext) {
                    believe_next(request.uri(), &mut redirect);
                }
                redirect.map(String::into_bytes)
            }
            None => error_answer(&error),
        }
    }

    /// For the fault that gives every extractor a session of its own, if two are used at once.
    async fn handle_of_its_own(&self, request: &Request<Vec<u8>>) -> Option<Session> {
        let brings_token = request.headers().contains_key(header::COOKIE);
        let is_apart = self.fault == Some(Fault::LoadsForEachExtractor)
            && brings_token
            && request.uri().path().contains("/pair.");
        if !is_apart {
            return None;
        }
        let visit = self.store.begin();
        visit.attach(request.method(), request.uri(), request.headers(), Peer::Unknown, None);
        visit.load().await.ok()
    }

    async fn route(&self, visit: &Visit, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let path = request.uri().path().to_owned();
        if path.starts_with(UNTOUCHED) {
            return untouched(request).await;
        }
        if path.starts_with(LOOKS) {
            let _who = visit.loaded().map(Session::user_id);
            return untouched(request).await;
        }
        for (prefix, guard) in [
            (FOR_USERS, Guard::User),
            (FOR_FRESH, Guard::Fresh(Duration::from_secs(FRESH_SECS))),
            (FOR_VISITORS, Guard::Anonymous),
        ] {
            if path.starts_with(prefix) {
                return self.guarded(guard, visit, request).await;
            }
        }
        if self.is_misplaced() {
            let error = Error::from_kind(ErrorKind::Misconfigured);
            return error_answer(&error.with_context("the session layer is not mounted once"));
        }
        let handled = match (visit.load().await, visit.load().await) {
            (Ok(session), Ok(again)) => {
                let again = self.handle_of_its_own(&request).await.unwrap_or(again);
                handle([session, again], request).await
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let mut response = handled.unwrap_or_else(|error| error_answer(&error));
        if path.starts_with(JAR) {
            let (name, value) = jar_cookie(&self.store);
            let cookie = HeaderValue::from_str(&format!("{name}={value}")).expect("a header value");
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// For the fault that goes where `next` says.
fn believe_next(uri: &http::Uri, redirect: &mut Response<String>) {
    let said = uri.query().and_then(|query| query.strip_prefix("next="));
    let decoded = said.map(|said| said.replace("%2F", "/").replace("%3A", ":"));
    if let Some(next) = decoded.and_then(|next| HeaderValue::try_from(next).ok()) {
        redirect.headers_mut().insert(header::LOCATION, next);
    }
}

/// For the fault that saves what changes nothing.
async fn save_unchanged(visit: &Visit, path: &str, status: StatusCode) {
    if !status.is_success() || path.starts_with(UNTOUCHED) || path.starts_with(LOOKS) {
        return;
    }
    if let Some(session) = visit.loaded()
        && session.current().is_some_and(|current| current.data == session.data())
    {
        // If it fails, the response says so.
        let _ = session.save().await;
    }
}

pub(crate) fn error_answer(error: &Error) -> Response<Vec<u8>> {
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(error = error as &dyn std::error::Error, "answering with {status}");
    }
    let mut response = Response::new(error.code().as_bytes().to_vec());
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
