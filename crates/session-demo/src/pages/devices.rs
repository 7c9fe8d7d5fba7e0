//! The page that shows a user where they are signed in, and ends what they do not know: the one of
//! `session-devices`, inside of the demo's own layout.

use std::future::ready;

use askama::Template;
use session_core::{RequestHead, Session};
use session_devices::{DevicesPage, Page, PageAction, Shows};

use super::{Notice, rendered, theme};
use crate::answer::Answer;

/// The forms that end several are at the demo's root, where scripts know them.
pub(crate) fn page() -> DevicesPage {
    DevicesPage::new()
        .base("/devices")
        .logout_others_at("/logout-others")
        .logout_all_at("/logout-all")
        .stylesheet("/style.css")
        .sign_in_page("/")
        .after_sign_out("/")
        .template(document)
}

/// `POST /logout-others`
pub(crate) async fn logout_others(session: &Session, head: RequestHead<'_>) -> Answer {
    page().answer(PageAction::EndOthers, head, ready(Ok(session.clone()))).await.into()
}

/// `POST /logout-all`
pub(crate) async fn logout_all(session: &Session, head: RequestHead<'_>) -> Answer {
    page().answer(PageAction::EndAll, head, ready(Ok(session.clone()))).await.into()
}

fn document(page: &Page<'_>) -> String {
    #[derive(Template)]
    #[template(path = "devices.html")]
    struct Layout<'a> {
        theme: &'static str,
        page: &'a Page<'a>,
    }
    let html = match &page.shows {
        Shows::Problem(problem) => {
            let sentence = (page.words.problem)(*problem);
            rendered(&Notice::new(&sentence.title, &sentence.text))
        }
        _ => rendered(&Layout { theme: page.session.map_or(theme::AUTO, theme::of), page }),
    };
    html.unwrap_or_default()
}
