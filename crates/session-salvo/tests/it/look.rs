//! The look that does not load: [`user_id_from_depot`].

use salvo_core::prelude::*;
use session_salvo::{NotLoaded, Session, SessionHandler, user_id_from_depot};

use crate::support::{get, sign_in, store};

#[handler]
async fn look(depot: &mut Depot) -> String {
    match user_id_from_depot(depot) {
        Err(NotLoaded) => "not loaded".to_owned(),
        Ok(None) => "nobody".to_owned(),
        Ok(Some(user)) => user.to_string(),
    }
}

#[handler]
async fn ask(_session: Session) {}

fn app(sessions: SessionHandler) -> Service {
    let router = Router::new()
        .hoop(sessions)
        .push(Router::with_path("look").get(look))
        .push(Router::with_path("look-after").hoop(ask).get(look))
        .push(Router::with_path("sign-in").get(sign_in));
    Service::new(router)
}

#[tokio::test]
async fn not_loaded_is_not_nobody() {
    let store = store();
    let lazy = app(SessionHandler::new(store.clone()));
    let eager = app(SessionHandler::new(store).eager());
    let user = get(&lazy, "/sign-in", "").await.cookie();
    for (name, app, path, cookie, expected) in [
        ("nobody loaded it", &lazy, "/look", user.as_str(), "not loaded"),
        ("a hoop loaded it", &lazy, "/look-after", &user, "alice"),
        ("a hoop found a visitor", &lazy, "/look-after", "", "nobody"),
        ("an eager handler loaded it", &eager, "/look", &user, "alice"),
        ("an eager handler found a visitor", &eager, "/look", "", "nobody"),
    ] {
        get(app, path, cookie).await.check(name, 200, expected);
    }
    assert_eq!(user_id_from_depot(&Depot::new()), Err(NotLoaded));
}
