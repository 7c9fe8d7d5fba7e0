//! The service itself: is it well, and what it sweeps up.

use serde_json::json;
use session_core::SessionStore;

use crate::answer::{Answer, Outcome};

/// `GET /healthz`
pub(crate) async fn health(store: &SessionStore) -> Outcome {
    store.ping().await?;
    Ok(Answer::ok())
}

/// `GET /api/public`: never asks for the session, which is why it costs nothing
pub(crate) fn public() -> Answer {
    Answer::ok()
}

/// `POST /api/purge`
pub(crate) async fn purge(store: &SessionStore) -> Outcome {
    let purged = store.purge().await?;
    Ok(Answer::json(&json!({ "purged": purged })))
}
