//! Every error that a handler may meet goes through `?`, and is answered with its own status.

use axum::Router;
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use session_axum::{NotLoaded, RequireUser, Session, SessionError, layer, user_id_from_extensions};
use session_core::{
    BackendError, BackendErrorKind, Error, ErrorKind, InvalidId, InvalidUserId, SessionId, UserId,
};

use crate::support::{call, request, store, text};

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
    user_id_from_extensions(&Extensions::new())
}

/// Handlers that each meet one of the errors and pass it on, by whatever error type.
macro_rules! handlers {
    ($error:ty) => {
        Router::new()
            .route("/401", get(async || Ok::<_, $error>(ours(ErrorKind::Unauthenticated)?)))
            .route("/409", get(async || Ok::<_, $error>(ours(ErrorKind::SessionEnded)?)))
            .route("/503", get(async || Ok::<_, $error>(ours(ErrorKind::Unavailable)?)))
            .route("/backend", get(async || Ok::<_, $error>(backends()?)))
            .route("/id", get(async || Ok::<_, $error>(no_id()?.to_string())))
            .route("/user", get(async || Ok::<_, $error>(no_user()?.to_string())))
            .route("/not-loaded", get(async || Ok::<_, $error>(drop(not_loaded()?))))
            .route(
                "/session-error",
                get(async |session: Session| {
                    let user = session.require_user().map_err(SessionError::from)?;
                    Ok::<_, $error>(user.to_string())
                }),
            )
    };
}

/// An application's own error type, as the documentation of [`SessionError::find`] has it.
struct AppError(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for AppError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match SessionError::find(self.0.as_ref()) {
            Some(ours) => ours.into_response(),
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

#[tokio::test]
async fn every_error_has_its_own_answer() {
    let own = handlers!(SessionError);
    let anyhows = handlers!(AppError)
        .route(
            "/context",
            get(async || {
                let session = ours(ErrorKind::Unauthenticated);
                Ok::<_, AppError>(anyhow::Context::context(session, "while ordering")?)
            }),
        )
        .route("/other", get(async || Ok::<(), AppError>(Err(std::io::Error::other("disk"))?)));
    for (name, app) in [("ours", own), ("anyhow's", anyhows)] {
        let app = app.layer(layer(store()).on_error(|error, _| (error.status(), error.code())));
        for (path, status, code) in [
            ("/401", 401, "unauthenticated"),
            ("/409", 409, "session_ended"),
            ("/503", 503, "unavailable"),
            ("/backend", 503, "unavailable"),
            ("/id", 400, "invalid_data"),
            ("/user", 400, "invalid_data"),
            ("/not-loaded", 500, "internal"),
            ("/session-error", 401, "unauthenticated"),
        ] {
            let (got, body) = text(call(&app, request(path)).await).await;
            assert_eq!((got.as_u16(), body.as_str()), (status, code), "{name}: {path}");
        }
        if name == "anyhow's" {
            let answer = text(call(&app, request("/context")).await).await;
            assert_eq!(answer, (StatusCode::UNAUTHORIZED, "unauthenticated".to_owned()));
            let answer = text(call(&app, request("/other")).await).await;
            assert_eq!(answer, (StatusCode::INTERNAL_SERVER_ERROR, String::new()), "not ours");
        }
    }
}

#[test]
fn found_errors_are_the_first_of_ours() {
    let ended = || Error::from_kind(ErrorKind::SessionEnded);
    let outer = Error::new(ErrorKind::Internal, SessionError::from(ended()));
    let kind = |error: &(dyn std::error::Error + 'static)| {
        SessionError::find(error).map(|found| found.error().kind())
    };
    assert_eq!(kind(&outer), Some(ErrorKind::Internal));
    assert_eq!(kind(&SessionError::from(ended())), Some(ErrorKind::SessionEnded));
    assert_eq!(kind(&NotLoaded), Some(ErrorKind::Misconfigured));
    assert_eq!(kind(&std::io::Error::other("x")), None);
    assert_eq!(Error::from(SessionError::from(ended())).kind(), ErrorKind::SessionEnded);
}

/// A chain of causes that goes round, and std's own box around another error.
#[test]
fn odd_chains_are_looked_through() {
    #[derive(Debug)]
    struct Round;
    impl std::fmt::Display for Round {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("round")
        }
    }
    impl std::error::Error for Round {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(self)
        }
    }
    assert!(SessionError::find(&Round).is_none());
    let boxed = std::io::Error::other(SessionError::from(ErrorKind::SessionEnded));
    let found = SessionError::find(&boxed).unwrap();
    assert_eq!(found.error().kind(), ErrorKind::SessionEnded);
}

/// What a backend says is for an operator: it may name a server.
#[test]
fn what_is_an_operators_is_no_answer() {
    let down = BackendError::new(BackendErrorKind::Unavailable, "refused")
        .with_context("the connection to PostgreSQL failed (db-1.internal:5432)");
    let found = SessionError::find(&std::io::Error::other(down)).unwrap();
    assert_eq!(found.error().to_response().body(), "the session backend is unavailable\n");
}

#[tokio::test]
async fn require_user_gives_the_session_along() {
    async fn rename(RequireUser { user, session }: RequireUser) -> Result<String, SessionError> {
        session.set("name", "Alice")?;
        Ok(format!("{user} {}", session.is_authenticated()))
    }
    let sign_in = async |session: Session| Ok::<_, SessionError>(session.authenticate("a").await?);
    let routes = Router::new().route("/", get(rename)).route("/sign-in", get(sign_in));
    let app = routes.layer(layer(store()));
    let signed_in = crate::support::cookie(&call(&app, request("/sign-in")).await);
    let answer = call(&app, crate::support::request_with_cookie("/", &signed_in)).await;
    assert_eq!(text(answer).await, (StatusCode::OK, "a true".to_owned()));
    assert_eq!(text(call(&app, request("/")).await).await.0, StatusCode::UNAUTHORIZED);
}
