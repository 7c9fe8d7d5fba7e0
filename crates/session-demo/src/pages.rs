//! Pages, for people: plain HTML that works without JavaScript, on a phone's width, in light and in
//! dark, and with a keyboard. Forms are answered with 303, so that reloading sends nothing twice.

pub(crate) mod accounts;
pub(crate) mod cart;
pub(crate) mod devices;
pub(crate) mod home;
pub(crate) mod live;
pub(crate) mod sign_in;
pub(crate) mod support;
pub(crate) mod theme;

use askama::Template;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use session_core::{Error, RequestHead};

use crate::answer::{Answer, Outcome};
use crate::problem::{Code, Problem};

/// `GET /style.css`
pub(crate) fn stylesheet() -> Answer {
    let text = [session_devices::STYLE, include_str!("pages/style.css")].concat();
    Answer::new(StatusCode::OK, "text/css; charset=utf-8", text.into_bytes())
        .with(CACHE_CONTROL, HeaderValue::from_static("max-age=300"))
}

/// `GET /favicon.svg`
pub(crate) fn icon() -> Answer {
    let text = include_str!("pages/favicon.svg");
    Answer::new(StatusCode::OK, "image/svg+xml", text.into())
        .with(CACHE_CONTROL, HeaderValue::from_static("max-age=86400"))
}

/// People get their errors as a page.
pub(crate) fn answer(outcome: Outcome) -> Answer {
    outcome.unwrap_or_else(|error| problem(&error))
}

/// An error outside of every route: as a page for who asks for one, else as JSON.
pub(crate) fn elsewhere(headers: &HeaderMap, uri: &Uri, code: Code) -> Answer {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let wants_page = accept.is_some_and(|accept| accept.contains("text/html"));
    let error = Problem::from(code);
    if wants_page && !is_for_scripts(uri) { problem(&error) } else { Answer::problem(&error) }
}

/// An error of the session's: as JSON to a script, as a page to a person.
pub(crate) fn session_error(error: &Error, request: RequestHead<'_>) -> Answer {
    let error = Problem::from(error);
    if is_for_scripts(request.uri) { Answer::problem(&error) } else { problem(&error) }
}

fn is_for_scripts(uri: &Uri) -> bool {
    uri.path().starts_with("/api/")
}

/// An error as a page.
pub(crate) fn problem(problem: &Problem) -> Answer {
    let title = match problem.code() {
        Code::NotFound | Code::NoSuchSession | Code::InvalidId => "Not found",
        Code::MethodNotAllowed => "Not like this",
        Code::ForeignForm | Code::CrossSite | Code::NotStaff => "Refused",
        Code::SessionEnded => "This session has ended",
        Code::DataTooLarge => "Too much",
        Code::Unavailable => "Not just now",
        code if code.status().is_server_error() => "Something went wrong",
        _ => "That did not work",
    };
    page_with(problem.status(), &Notice::new(title, problem.message())).about(problem)
}

/// Something that went wrong, in words.
#[derive(Template)]
#[template(path = "problem.html")]
struct Notice<'a> {
    theme: &'a str,
    title: &'a str,
    message: &'a str,
}

impl<'a> Notice<'a> {
    const fn new(title: &'a str, message: &'a str) -> Self {
        Self { theme: theme::AUTO, title, message }
    }
}

/// A page. One that shows what is somebody's own is kept by no cache and not shown by the back button
/// after the sign-out: the sessions' layer says so, wherever one is in use.
fn page_with(status: StatusCode, template: &impl Template) -> Answer {
    match rendered(template) {
        Some(html) => Answer::new(status, "text/html; charset=utf-8", html.into_bytes()),
        None => Answer::problem(&Code::Internal.into()),
    }
}

fn rendered(template: &impl Template) -> Option<String> {
    let html = template.render().inspect_err(|error| {
        tracing::error!(error = error as &dyn std::error::Error, "a page cannot be rendered");
    });
    html.ok()
}
