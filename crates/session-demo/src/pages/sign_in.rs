//! The forms that sign in and out.

use http::StatusCode;
use session_core::{Session, UserId};

use super::home;
use crate::answer::{Answer, Outcome};
use crate::problem::Problem;
use crate::request::Form;

pub(super) const PASSWORD: &str = "demo";

/// `POST /login`
pub(crate) async fn login(session: &Session, body: &[u8]) -> Outcome {
    let form = Form::parse(body);
    let next = form.next();
    let typed = form.field("user").unwrap_or_default();
    if form.field("password") != Some(PASSWORD) {
        let wrong = "That is not the password. It is “demo”, for every user.";
        return Ok(home::refused(session, StatusCode::UNAUTHORIZED, wrong, typed, &next));
    }
    match UserId::new(typed) {
        Ok(user) => session.authenticate(user).await?,
        Err(error) => {
            let problem = Problem::from(error);
            return Ok(home::refused(session, problem.status(), problem.message(), typed, &next));
        }
    }
    Ok(Answer::on_to(&next))
}

/// `POST /logout`
pub(crate) async fn logout(session: &Session) -> Outcome {
    session.logout().await?;
    Ok(Answer::see_other("/"))
}
