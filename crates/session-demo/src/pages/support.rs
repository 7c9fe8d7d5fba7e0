//! Support staff in a customer's place: whoever signed in as [`STAFF`] may see what another user sees.

use session_core::{ErrorKind, FlashLevel, Session, UserId};

use crate::answer::{Answer, Outcome};
use crate::problem::{Code, Problem};
use crate::request::Form;

/// The one user who may.
pub(super) const STAFF: &str = "support";

/// Whether this session may take another user's place: not in a place that it took already.
pub(super) fn may_impersonate(session: &Session) -> bool {
    let is_staff = session.user_id().is_some_and(|user| user.as_str() == STAFF);
    is_staff && session.impersonator().is_none()
}

/// `POST /impersonate`: `user=…`
pub(crate) async fn impersonate(session: &Session, body: &[u8]) -> Outcome {
    if session.user_id().is_none() {
        return Err(Code::Unauthenticated.into());
    }
    if !may_impersonate(session) {
        return Err(Code::NotStaff.into());
    }
    let form = Form::parse(body);
    let user = UserId::new(form.field("user").unwrap_or_default()).map_err(Problem::from)?;
    let told = format!("You see what {user} sees.");
    session.impersonate(user).await?;
    session.flash(FlashLevel::Info, told)?;
    Ok(Answer::see_other("/"))
}

/// `POST /impersonate/end`
pub(crate) async fn end(session: &Session) -> Outcome {
    match session.end_impersonation().await {
        Ok(true) => session.flash(FlashLevel::Success, "You are back in your own session.")?,
        // Their own session has ended meanwhile, so they sign in again.
        Ok(false) => {}
        // Nobody acts for anybody here: a second click, or a page that was left open.
        Err(error) if error.kind() == ErrorKind::Impersonation => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Answer::see_other("/"))
}
