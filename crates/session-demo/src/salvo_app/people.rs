//! The pages' handlers: each hands over what salvo took out of the request.

use salvo_core::{Writer, handler};
use session_salvo::Session;

use super::extract::{FormBody, Path};
use crate::answer::Answer;
use crate::{pages, request};

#[handler]
pub(super) async fn home(session: Session) -> Answer {
    pages::answer(pages::home::show(&session).await)
}

#[handler]
pub(super) async fn login(session: Session, body: FormBody) -> Answer {
    pages::answer(pages::sign_in::login(&session, &body.0).await)
}

#[handler]
pub(super) async fn logout(session: Session) -> Answer {
    pages::answer(pages::sign_in::logout(&session).await)
}

#[handler]
pub(super) async fn logout_others(session: Session) -> Answer {
    pages::answer(pages::devices::logout_others(&session).await)
}

#[handler]
pub(super) async fn logout_all(session: Session) -> Answer {
    pages::answer(pages::devices::logout_all(&session).await)
}

#[handler]
pub(super) async fn devices(session: Session) -> Answer {
    pages::answer(pages::devices::show(&session).await)
}

#[handler]
pub(super) async fn revoke(session: Session, path: Path) -> Answer {
    pages::answer(pages::devices::revoke(&session, request::revoked(&path.0)).await)
}

#[handler]
pub(super) async fn cart(session: Session, body: FormBody) -> Answer {
    pages::answer(pages::cart::change(&session, &body.0).await)
}

#[handler]
pub(super) async fn theme(session: Session, body: FormBody) -> Answer {
    pages::answer(pages::theme::choose(&session, &body.0))
}

#[handler]
pub(super) async fn accounts(session: Session) -> Answer {
    pages::answer(pages::accounts::show(&session).await)
}

#[handler]
pub(super) async fn account_login(session: Session, body: FormBody) -> Answer {
    pages::answer(pages::accounts::login(&session, &body.0).await)
}

#[handler]
pub(super) async fn account_logout(session: Session) -> Answer {
    pages::answer(pages::accounts::logout(&session).await)
}

#[handler]
pub(super) async fn accounts_logout(session: Session) -> Answer {
    pages::answer(pages::accounts::logout_all(&session).await)
}
