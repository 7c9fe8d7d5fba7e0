//! Every error that a handler may meet goes through `?`, and is answered with its own status, whatever
//! error the handler returns.

use salvo_core::prelude::*;
use session_core::{
    BackendError, BackendErrorKind, Error, ErrorKind, InvalidId, InvalidUserId, SessionId, UserId,
};
use session_salvo::{
    NotLoaded, RequireUser, Session, SessionDepotExt, SessionError, SessionHandler,
    user_id_from_depot,
};

use crate::support::{get, sign_in, store};

fn ours(kind: ErrorKind) -> Result<(), Error> {
    Err(Error::from_kind(kind))
}

fn backends() -> Result<(), BackendError> {
    Err(BackendError::from_kind(BackendErrorKind::Unavailable))
}

fn no_id() -> Result<SessionId, InvalidId> {
    "x".parse()
}

fn no_user() -> Result<UserId, InvalidUserId> {
    UserId::new("")
}

fn not_loaded() -> Result<Option<UserId>, NotLoaded> {
    user_id_from_depot(&Depot::new())
}

/// Meets the error that its path names.
fn meets(path: &str) -> Result<&'static str, SessionError> {
    match path {
        "/401" => ours(ErrorKind::Unauthenticated)?,
        "/409" => ours(ErrorKind::SessionEnded)?,
        "/500" => ours(ErrorKind::WrongType)?,
        "/503" => ours(ErrorKind::Unavailable)?,
        "/backend" => backends()?,
        "/id" => drop(no_id()?),
        "/user" => drop(no_user()?),
        "/not-loaded" => drop(not_loaded()?),
        _ => {}
    }
    Ok("fine")
}

#[handler]
async fn returns_ours(request: &mut Request) -> Result<&'static str, SessionError> {
    meets(request.uri().path())
}

#[handler]
async fn returns_status(request: &mut Request) -> Result<&'static str, StatusError> {
    Ok(meets(request.uri().path())?)
}

#[handler]
async fn returns_salvos(request: &mut Request) -> Result<&'static str, salvo_core::Error> {
    Ok(meets(request.uri().path())?)
}

#[handler]
async fn returns_other(request: &mut Request) -> Result<&'static str, salvo_core::Error> {
    match request.uri().path() {
        // As whoever does not know of a conversion writes it.
        "/401" => ours(ErrorKind::Unauthenticated).map_err(salvo_core::Error::other)?,
        path => drop(meets(path).map_err(salvo_core::Error::other)?),
    }
    Ok("fine")
}

fn app(handler: impl Handler) -> Service {
    let sessions = SessionHandler::new(store()).on_error(|error, _| error.code());
    Service::new(Router::new().hoop(sessions).push(Router::with_path("{*rest}").goal(handler)))
}

async fn check(name: &str, app: &Service) {
    for (path, status, code) in [
        ("/401", 401, "unauthenticated"),
        ("/409", 409, "session_ended"),
        ("/500", 500, "internal"),
        ("/503", 503, "unavailable"),
        ("/backend", 503, "unavailable"),
        ("/id", 400, "invalid_data"),
        ("/user", 400, "invalid_data"),
        ("/not-loaded", 500, "internal"),
        ("/fine", 200, "fine"),
    ] {
        get(app, path, "").await.check(&format!("{name}: {path}"), status, code);
    }
}

#[tokio::test]
async fn every_error_has_its_own_answer() {
    check("ours", &app(returns_ours)).await;
    check("StatusError", &app(returns_status)).await;
    check("salvo's", &app(returns_salvos)).await;
    check("salvo's other", &app(returns_other)).await;
}

#[cfg(feature = "anyhow")]
#[tokio::test]
async fn an_anyhow_handler_keeps_the_status() {
    use anyhow::Context;

    #[handler]
    async fn returns_anyhow(request: &mut Request) -> anyhow::Result<&'static str> {
        match request.uri().path() {
            // No conversion by hand: every error of ours is one of the standard library's.
            "/401" => ours(ErrorKind::Unauthenticated).context("while ordering")?,
            "/backend" => backends()?,
            "/id" => drop(no_id()?),
            "/user" => drop(no_user()?),
            "/not-loaded" => drop(not_loaded()?),
            "/other" => anyhow::bail!("not ours"),
            path => drop(meets(path)?),
        }
        Ok("fine")
    }
    #[handler]
    async fn returns_salvos_anyhow(
        request: &mut Request,
    ) -> Result<&'static str, salvo_core::Error> {
        Ok(meets(request.uri().path()).context("while ordering")?)
    }
    let anyhows = app(returns_anyhow);
    check("anyhow's", &anyhows).await;
    check("salvo's anyhow", &app(returns_salvos_anyhow)).await;
    let other = get(&anyhows, "/other", "").await;
    assert!(other.status == 500 && other.body.contains("Internal Server Error"), "{}", other.body);
}

/// A client error saves what was buffered, and a server error does not: whichever type says it.
#[tokio::test]
async fn what_was_buffered_follows_the_status() {
    #[handler]
    async fn stores(
        session: Session,
        request: &mut Request,
    ) -> Result<&'static str, salvo_core::Error> {
        session.set("k", 1).map_err(SessionError::from)?;
        let path = request.uri().path();
        meets(path).map_err(salvo_core::Error::other)
    }
    let app = app(stores);
    for (path, saved) in [("/401", true), ("/409", true), ("/503", false), ("/500", false)] {
        assert_eq!(get(&app, path, "").await.cookies().len(), usize::from(saved), "{path}");
    }
}

#[tokio::test]
async fn a_status_that_the_application_chose_stays() {
    #[handler]
    async fn hides(session: Session) -> Result<(), StatusError> {
        let user = session.require_user();
        user.map(drop).map_err(|error| StatusError::not_found().cause(error))
    }
    #[handler]
    async fn names_the_origin(session: Session) -> Result<(), StatusError> {
        let user = session.require_user();
        user.map(drop).map_err(|error| StatusError::unauthorized().origin(error))
    }
    let hidden = get(&app(hides), "/", "").await;
    assert!(hidden.status == 404 && hidden.body.contains("Not Found"), "{}", hidden.body);
    get(&app(names_the_origin), "/", "").await.check("origin", 401, "unauthenticated");
}

/// A handler that says 500 in its own words, with an error of ours as the cause: its words go out, and
/// nothing of it is stored.
#[tokio::test]
async fn a_500_in_words_of_its_own_stays() {
    #[handler]
    async fn refuses(depot: &mut Depot) -> Result<&'static str, StatusError> {
        depot.session().await?.set("half", 1).unwrap();
        let because = |error| StatusError::internal_server_error().brief("our words").cause(error);
        no_id().map_err(because)?;
        Ok("fine")
    }
    let answer = get(&app(refuses), "/x", "").await;
    assert_eq!(answer.status.as_u16(), 500);
    assert!(answer.cookies().is_empty(), "a server error made a session");
}

#[test]
fn a_status_error_says_what_the_plain_answer_says() {
    for (kind, status, brief) in [
        (ErrorKind::Unauthenticated, 401, "nobody is signed in"),
        (ErrorKind::SessionEnded, 409, "the session has ended"),
        (ErrorKind::Misconfigured, 500, "internal error"),
    ] {
        let error = StatusError::from(SessionError::from(kind));
        assert_eq!((error.code.as_u16(), error.brief.as_str()), (status, brief));
        let found = SessionError::find(&error).map(|found| found.error().kind());
        assert_eq!(found, Some(kind));
    }
}

#[tokio::test]
async fn require_user_gives_the_session_along() {
    #[handler]
    async fn rename(caller: RequireUser) -> Result<String, SessionError> {
        let RequireUser { user, session } = caller;
        session.set("name", "Alice")?;
        Ok(format!("{user} {}", session.is_authenticated()))
    }
    #[handler]
    async fn from_depot(depot: &mut Depot) -> Result<String, StatusError> {
        Ok(depot.session().await?.user_id().map(|user| user.to_string()).unwrap_or_default())
    }
    let router = Router::new()
        .hoop(SessionHandler::new(store()))
        .get(rename)
        .push(Router::with_path("depot").get(from_depot))
        .push(Router::with_path("sign-in").get(sign_in));
    let app = Service::new(router);
    let signed_in = get(&app, "/sign-in", "").await.cookie();
    get(&app, "/", &signed_in).await.check("a user", 200, "alice true");
    get(&app, "/", "").await.check("a visitor", 401, "nobody is signed in\n");
    get(&app, "/depot", &signed_in).await.check("out of the depot", 200, "alice");
}
