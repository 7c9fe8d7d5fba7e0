//! What the laws do to a session at the same moment as something else.

use serde_json::{Value, json};
use session_core::{Error, Session, SessionId, Timestamp};

/// Every operation that awaits the database, by the word that a path has for it. `as:NAME` signs in.
pub(crate) const OPERATIONS: [&str; 11] = [
    "save",
    "update",
    "as:ann",
    "as:bob",
    "reauthenticate",
    "rotate",
    "logout",
    "logout-all",
    "logout-others",
    "revoke-itself",
    "list",
];

/// Does it; `{"ok": …}` or `{"error": "<code>"}`, without anything that depends on chance. `own` is the
/// session that the request had when it began: what "itself" means must not depend on the order.
pub(crate) async fn perform(session: Session, operation: String, own: Option<SessionId>) -> Value {
    match act(&session, &operation, own).await {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": error.code() }),
    }
}

async fn act(session: &Session, operation: &str, own: Option<SessionId>) -> Result<Value, Error> {
    Ok(match operation {
        "save" => json!(session.save().await?),
        "update" => json!(session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await?),
        "reauthenticate" => json!(session.reauthenticate().await?),
        "rotate" => json!(session.rotate().await?),
        "logout" => json!(session.logout().await?),
        "logout-all" => json!(session.logout_all().await?.len()),
        "logout-others" => json!(session.logout_others().await?.len()),
        "revoke-itself" => {
            let nobodys = || SessionId::generate(Timestamp::UNIX_EPOCH);
            let own = own.map_or_else(nobodys, Ok)?;
            json!(session.revoke(own).await?)
        }
        "list" => json!(session.list().await?.len()),
        other => match other.strip_prefix("as:") {
            Some(user) => json!(session.authenticate(user).await?),
            None => panic!("no operation: {other}"),
        },
    })
}
