//! "Remember me": ninety days, or until the browser is closed.

use std::time::Duration;

use salvo_core::prelude::*;
use session_core::{SessionStore, SignIn};
use session_salvo::{Session, SessionError, SessionHandler};

#[handler]
async fn sign_in(session: Session, request: &mut Request) -> Result<(), SessionError> {
    let user = request.form::<String>("user").await.unwrap_or_default();
    let options = SignIn::new(user); // once you have checked the password
    let options = if request.form::<String>("remember").await.is_some() {
        options.lifetime(Duration::from_secs(90 * 24 * 3600)).persistent(true)
    } else {
        options.lifetime(Duration::from_secs(12 * 3600)).persistent(false)
    };
    Ok(session.authenticate_with(options).await?)
}

pub fn app(store: SessionStore) -> Router {
    Router::with_path("sign-in").hoop(SessionHandler::new(store)).post(sign_in)
}
