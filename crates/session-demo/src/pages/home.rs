//! The first page: the sign-in form, or the dashboard.

use askama::Template;
use http::StatusCode;
use serde_json::Value;
use session_core::{EndedBy, ErrorKind, Flash, Next, Session};

use super::cart::{self, Line, PRODUCTS, Product};
use super::{page_with, support, theme};
use crate::answer::{Answer, Outcome};
use crate::request::Form;

const VISITS: &str = "visits";

/// `GET /`, with `?next=` for who was going elsewhere and has to sign in first
pub(crate) async fn show(session: &Session, query: &str) -> Outcome {
    let visits = count_visit(session).await?;
    let flashes = session.take_flashes()?;
    let home = Home::new(session);
    let next = Form::parse(query.as_bytes()).next();
    Ok(page_with(StatusCode::OK, &Home { visits, flashes, next: next.to_string(), ..home }))
}

/// The sign-in form again, with what was wrong and what was typed.
pub(super) fn refused(
    session: &Session,
    status: StatusCode,
    wrong: &str,
    typed: &str,
    next: &Next,
) -> Answer {
    let wrong = Some(Wrong { what: wrong, typed });
    let next = next.to_string();
    page_with(status, &Home { user: None, wrong, next, ..Home::new(session) })
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    theme: &'static str,
    themes: [(&'static str, &'static str); 3],
    user: Option<String>,
    wrong: Option<Wrong<'a>>,
    told: Option<&'static str>,
    /// Where they were going; empty if nowhere.
    next: String,
    flashes: Vec<Flash>,
    /// Who acts in the user's place.
    acting: Option<String>,
    may_impersonate: bool,
    device: String,
    visits: Option<u64>,
    products: &'static [Product],
    cart: Vec<Line>,
    items: u64,
}

struct Wrong<'a> {
    what: &'a str,
    typed: &'a str,
}

impl Home<'_> {
    fn new(session: &Session) -> Self {
        let cart = cart::lines(session);
        Self {
            theme: theme::of(session),
            themes: theme::THEMES,
            user: session.user_id().map(|user| user.to_string()),
            wrong: None,
            told: signed_out(session),
            next: String::new(),
            flashes: Vec::new(),
            acting: session.impersonator().map(|user| user.to_string()),
            may_impersonate: support::may_impersonate(session),
            device: session.meta().device_name().to_owned(),
            visits: None,
            products: &PRODUCTS,
            items: cart.iter().map(|line| line.count).sum(),
            cart,
        }
    }
}

/// What somebody is told who did not sign out here, and yet is.
fn signed_out(session: &Session) -> Option<&'static str> {
    match session.ended()?.how {
        EndedBy::Revoked => Some("You were signed out on another device. You can sign in again."),
        EndedBy::Evicted => {
            Some("You were signed out here, because you signed in on many other devices since.")
        }
        _ => None,
    }
}

/// Counts the visits of those who have a session. Looking makes none, so who only looks stays
/// uncounted.
async fn count_visit(session: &Session) -> Result<Option<u64>, session_core::Error> {
    if session.id().is_none() {
        return Ok(None);
    }
    let one_more = |before: Option<Value>| {
        let before = before.as_ref().and_then(Value::as_u64).unwrap_or(0);
        Value::from(before.saturating_add(1))
    };
    match session.update(VISITS, one_more).await {
        Ok(visits) => Ok(visits.as_u64()),
        // It ended while we looked, or is full: no reason to show no page.
        Err(error) if matches!(error.kind(), ErrorKind::SessionEnded | ErrorKind::TooLarge) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
