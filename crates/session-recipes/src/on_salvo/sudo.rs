//! Sudo mode: what is dangerous asks for the password again, for five minutes.

use salvo_core::prelude::*;
use session_core::{InvalidConfig, Pages, SessionStore};
use session_salvo::{Next, RequireFresh, RequireUser, SessionError, SessionHandler};

#[handler]
async fn api_keys(who: RequireFresh<300>) -> String {
    format!("the keys of {}", who.user)
}

#[handler]
async fn confirm_page(_who: RequireUser) -> Text<&'static str> {
    Text::Html(
        "<form method=post><input name=password type=password><button>Confirm</button></form>",
    )
}

#[handler]
async fn confirm(
    who: RequireUser,
    next: Next,
    request: &mut Request,
) -> Result<Redirect, SessionError> {
    if request.form::<String>("password").await.as_deref() != Some("demo") {
        return Ok(Redirect::other(next.via("/confirm"))); // check a hash of yours here
    }
    who.session.reauthenticate().await?; // a new token, and the clock begins anew
    Ok(Redirect::other(next.path_or("/")))
}

pub fn app(store: SessionStore) -> Result<Router, InvalidConfig> {
    let pages = Pages::new().sign_in("/sign-in")?.confirm("/confirm")?;
    Ok(Router::new()
        .hoop(SessionHandler::new(store).pages(pages))
        .push(Router::with_path("api-keys").get(api_keys))
        .push(Router::with_path("confirm").get(confirm_page).post(confirm)))
}
