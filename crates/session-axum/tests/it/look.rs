//! The look that does not load: [`user_id_from_extensions`].

use axum::Router;
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use session_axum::{
    NotLoaded, Session, SessionError, SessionLayer, layer, user_id_from_extensions,
};

use crate::support::{call, cookie, request, request_with_cookie, store, text};

fn seen(extensions: &Extensions) -> String {
    match user_id_from_extensions(extensions) {
        Err(NotLoaded) => "not loaded".to_owned(),
        Ok(None) => "nobody".to_owned(),
        Ok(Some(user)) => user.to_string(),
    }
}

async fn look(request: Request, _: Next) -> Response {
    seen(request.extensions()).into_response()
}

fn app(layer: SessionLayer) -> Router {
    Router::new()
        .route("/look", get(|| async {}).layer(from_fn(look)))
        .route(
            "/look-after",
            get(|_: Session, request: Request| async move { seen(request.extensions()) }),
        )
        .route(
            "/sign-in",
            get(|session: Session| async move {
                session.authenticate("alice").await?;
                Ok::<_, SessionError>(())
            }),
        )
        .layer(layer)
}

#[tokio::test]
async fn not_loaded_is_not_nobody() {
    let store = store();
    let lazy = app(layer(store.clone()));
    let eager = app(layer(store).eager());
    let user = cookie(&call(&lazy, request("/sign-in")).await);
    for (name, app, path, cookie, expected) in [
        ("nobody loaded it", &lazy, "/look", user.as_str(), "not loaded"),
        ("an extractor loaded it", &lazy, "/look-after", &user, "alice"),
        ("an extractor found a visitor", &lazy, "/look-after", "", "nobody"),
        ("an eager layer loaded it", &eager, "/look", &user, "alice"),
        ("an eager layer found a visitor", &eager, "/look", "", "nobody"),
    ] {
        let answer = call(app, request_with_cookie(path, cookie)).await;
        assert_eq!(text(answer).await.1, expected, "{name}");
    }
    assert_eq!(user_id_from_extensions(&Extensions::new()), Err(NotLoaded));
}
