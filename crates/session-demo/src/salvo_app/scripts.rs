//! The scripts' handlers: each hands over what salvo took out of the request.

use salvo_core::{Writer, handler};
use session_salvo::Session;

use super::extract::{FoundUser, JsonBody, Query, Segment, Store};
use crate::answer::{Answer, Outcome};
use crate::api;

#[handler]
pub(super) async fn public() -> Answer {
    api::service::public()
}

#[handler]
pub(super) async fn show(session: Session) -> Answer {
    api::identity::show(&session)
}

#[handler]
pub(super) async fn me(session: Session) -> Outcome {
    api::identity::me(session.user_id())
}

#[handler]
pub(super) async fn layer_user(user: FoundUser) -> Outcome {
    api::identity::me(user.0)
}

#[handler]
pub(super) async fn login(session: Session, body: JsonBody) -> Outcome {
    api::sign_in::login(&session, &body.0).await
}

#[handler]
pub(super) async fn reauthenticate(session: Session) -> Outcome {
    api::identity::reauthenticate(&session).await
}

#[handler]
pub(super) async fn rotate(session: Session) -> Outcome {
    api::identity::rotate(&session).await
}

#[handler]
pub(super) async fn logout(session: Session) -> Outcome {
    api::sign_in::logout(&session).await
}

#[handler]
pub(super) async fn goodbye(session: Session, body: JsonBody) -> Outcome {
    api::sign_in::goodbye(&session, &body.0).await
}

#[handler]
pub(super) async fn start_over(session: Session, body: JsonBody) -> Outcome {
    api::sign_in::start_over(&session, &body.0).await
}

#[handler]
pub(super) async fn logout_others(session: Session) -> Outcome {
    api::devices::logout_others(&session).await
}

#[handler]
pub(super) async fn logout_all(session: Session) -> Outcome {
    api::devices::logout_all(&session).await
}

#[handler]
pub(super) async fn list(session: Session) -> Outcome {
    api::devices::list(&session).await
}

#[handler]
pub(super) async fn revoke(session: Session, id: Segment) -> Outcome {
    api::devices::revoke(&session, &id.0).await
}

#[handler]
pub(super) async fn all_data(session: Session) -> Answer {
    api::data::all(&session)
}

#[handler]
pub(super) async fn clear(session: Session) -> Outcome {
    api::data::clear(&session)
}

#[handler]
pub(super) async fn read(session: Session, key: Segment) -> Outcome {
    api::data::read(&session, &key.0)
}

#[handler]
pub(super) async fn write(session: Session, key: Segment, body: JsonBody) -> Outcome {
    api::data::write(&session, &key.0, &body.0)
}

#[handler]
pub(super) async fn remove(session: Session, key: Segment) -> Outcome {
    api::data::remove(&session, &key.0)
}

#[handler]
pub(super) async fn increment(session: Session, key: Segment) -> Outcome {
    api::data::increment(&session, &key.0).await
}

#[handler]
pub(super) async fn slow(session: Session, key: Segment, query: Query, body: JsonBody) -> Outcome {
    api::data::slow(&session, &key.0, &query.0, &body.0).await
}

#[handler]
pub(super) async fn fail(session: Session, key: Segment, query: Query, body: JsonBody) -> Outcome {
    api::failure::fail(&session, &key.0, &query.0, &body.0)
}

#[handler]
pub(super) async fn fail_login(session: Session, body: JsonBody) -> Outcome {
    api::sign_in::fail_login(&session, &body.0).await
}

/// It has a session and writes nothing: the panic is what is to be seen.
#[handler]
pub(super) async fn panic(_session: Session) -> Outcome {
    api::failure::panic()
}

#[handler]
pub(super) async fn fresh(session: Session, query: Query) -> Outcome {
    api::identity::fresh(&session, &query.0)
}

#[handler]
pub(super) async fn purge(store: Store) -> Outcome {
    api::service::purge(&store.0).await
}

#[handler]
pub(super) async fn show_token(session: Session) -> Answer {
    api::token::show(&session)
}

#[handler]
pub(super) async fn issue_token(session: Session, body: JsonBody) -> Outcome {
    api::token::issue(&session, &body.0).await
}

#[handler]
pub(super) async fn rotate_token(session: Session) -> Outcome {
    api::token::rotate(&session).await
}

#[handler]
pub(super) async fn end_token(session: Session) -> Outcome {
    api::token::end(&session).await
}
