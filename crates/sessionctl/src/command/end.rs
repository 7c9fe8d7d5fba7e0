//! `end`, `end-user` and `end-all`.

use std::process::ExitCode;

use serde_json::json;
use session_core::{EventKind, SessionId, SessionStore, UserId};

use crate::failure::Failure;
use crate::output::Output;

pub(crate) async fn one(
    store: &SessionStore,
    id: &SessionId,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if !store.revoke(id).await? {
        return Err(Failure::not_found(format!("there is no live session {id}")));
    }
    output.answer(|| format!("ended {id}"), &json!({"ended": [id.to_string()]}));
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn of_user(
    store: &SessionStore,
    user: &UserId,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let ended = store.revoke_all(user).await?;
    if ended.is_empty() {
        return Err(Failure::not_found(format!("{user} has no live session")));
    }
    let ids: Vec<_> = ended.iter().map(ToString::to_string).collect();
    let text = || format!("ended {} of {user}:\n{}", sessions(ended.len() as u64), ids.join("\n"));
    output.answer(text, &json!({"user": user.as_str(), "ended": ids}));
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn all(store: SessionStore, output: &Output) -> Result<ExitCode, Failure> {
    let total = store.count().await?.live;
    let bar = output.progress("ending", Some(total));
    let told = bar.clone();
    let store = store.on_event(move |event| {
        if event.kind == EventKind::Revoked {
            told.inc(1);
        }
    });
    let ended = store.end_all().await;
    bar.finish_and_clear();
    let ended = ended?;
    output.answer(|| format!("ended {}", sessions(ended)), &json!({"ended": ended}));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn sessions(count: u64) -> String {
    match count {
        1 => "1 session".to_owned(),
        _ => format!("{count} sessions"),
    }
}
