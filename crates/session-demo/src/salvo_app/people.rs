//! The pages' handlers: each hands over what salvo took out of the request.

use std::convert::Infallible;

use futures_util::StreamExt;
use salvo_core::{Request, Response, Writer, handler};
use salvo_extra::sse::{SseEvent, SseKeepAlive};
use session_core::RequestHead;
use session_salvo::Session;

use super::extract::{FormBody, Query};
use crate::answer::Answer;
use crate::pages;
use crate::stop::Stop;

#[handler]
pub(super) async fn home(session: Session, query: Query) -> Answer {
    pages::answer(pages::home::show(&session, &query.0).await)
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
pub(super) async fn logout_others(session: Session, request: &mut Request) -> Answer {
    pages::devices::logout_others(&session, head(request)).await
}

#[handler]
pub(super) async fn logout_all(session: Session, request: &mut Request) -> Answer {
    pages::devices::logout_all(&session, head(request)).await
}

#[handler]
pub(super) async fn impersonate(session: Session, body: FormBody) -> Answer {
    pages::answer(pages::support::impersonate(&session, &body.0).await)
}

#[handler]
pub(super) async fn end_impersonation(session: Session) -> Answer {
    pages::answer(pages::support::end(&session).await)
}

/// Tells an open page that its session has ended.
pub(super) struct Live(pub(super) Stop);

#[handler]
impl Live {
    async fn handle(&self, session: Session, response: &mut Response) {
        let told = pages::live::until_ended(&session, self.0.clone()).map(|()| {
            Ok::<_, Infallible>(
                SseEvent::default().name(pages::live::ENDED).text(pages::live::ENDED),
            )
        });
        SseKeepAlive::new(Box::pin(told)).stream(response);
    }
}

#[handler]
pub(super) async fn cart(session: Session, body: FormBody) -> Answer {
    pages::answer(pages::cart::change(&session, &body.0).await)
}

#[handler]
pub(super) async fn theme(session: Session, body: FormBody) -> Answer {
    pages::answer(pages::theme::choose(&session, &body.0))
}

fn head(request: &Request) -> RequestHead<'_> {
    RequestHead { method: request.method(), uri: request.uri(), headers: request.headers() }
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
