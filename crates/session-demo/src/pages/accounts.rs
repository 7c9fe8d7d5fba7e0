//! The switcher: who is signed in in each of this browser's slots, and signing in and out of one.

use askama::Template;
use http::StatusCode;
use session_core::{AccountSlots, Session, UserId};

use super::sign_in::PASSWORD;
use super::{page_with, theme};
use crate::answer::{Answer, Outcome};
use crate::problem::Problem;
use crate::request::Form;

/// The page of each slot.
const PAGES: [&str; 4] = ["/u/0/accounts", "/u/1/accounts", "/u/2/accounts", "/u/3/accounts"];

/// How a path names an account: `/u/1/accounts`.
pub(crate) fn slots() -> AccountSlots {
    AccountSlots::path("/u").count(4)
}

/// `GET /u/{account}/accounts`
pub(crate) async fn show(session: &Session) -> Outcome {
    page(session, StatusCode::OK, None).await
}

/// `POST /u/{account}/login`
pub(crate) async fn login(session: &Session, body: &[u8]) -> Outcome {
    let form = Form::parse(body);
    if form.field("password") != Some(PASSWORD) {
        let wrong = "That is not the password. It is “demo”, for every user.";
        return page(session, StatusCode::UNAUTHORIZED, Some(wrong)).await;
    }
    match UserId::new(form.field("user").unwrap_or_default()) {
        Ok(user) => session.authenticate(user).await?,
        Err(error) => {
            let problem = Problem::from(error);
            return page(session, problem.status(), Some(problem.message())).await;
        }
    }
    Ok(back(session))
}

/// `POST /u/{account}/logout`
pub(crate) async fn logout(session: &Session) -> Outcome {
    session.logout().await?;
    Ok(back(session))
}

/// `POST /u/{account}/logout-accounts`
pub(crate) async fn logout_all(session: &Session) -> Outcome {
    session.logout_all_slots().await?;
    Ok(back(session))
}

fn back(session: &Session) -> Answer {
    Answer::see_other(PAGES.get(usize::from(session.slot())).copied().unwrap_or("/"))
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct Page<'a> {
    theme: &'static str,
    slot: u8,
    user: Option<String>,
    wrong: Option<&'a str>,
    slots: Vec<Slot>,
    is_anybody: bool,
}

/// A slot, as it is listed.
struct Slot {
    number: u8,
    path: &'static str,
    user: Option<String>,
    is_current: bool,
}

async fn page(session: &Session, status: StatusCode, wrong: Option<&str>) -> Outcome {
    let accounts = session.accounts().await?;
    let user_of = |number| {
        let account = accounts.iter().find(|account| account.slot == number);
        account.map(|account| account.user_id.to_string())
    };
    let slot = |number, path| Slot {
        number,
        path,
        user: user_of(number),
        is_current: number == session.slot(),
    };
    let page = Page {
        theme: theme::of(session),
        slot: session.slot(),
        user: session.user_id().map(|user| user.to_string()),
        wrong,
        slots: (0..).zip(PAGES).map(|(number, path)| slot(number, path)).collect(),
        is_anybody: !accounts.is_empty(),
    };
    Ok(page_with(status, &page))
}
