//! `end`, `end-user` and `end-all`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use session_core::{EventKind, SessionId, SessionStore, UserId};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::output::{Output, plain};

/// How long an operator waits for nothing but the length of a bar.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) async fn one(
    store: &SessionStore,
    id: &SessionId,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if !store.revoke(id).await? {
        return Err(Failure::not_found(format!("there is no live session {id}")));
    }
    output.answer(|| format!("ended {id}"), &json!({"ended": [id.to_string()]}))?;
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
    let text = || {
        let (count, user) = (sessions(ended.len() as u64), plain(user.as_str()));
        format!("ended {count} of {user}:\n{}", ids.join("\n"))
    };
    output.answer(text, &json!({"user": user.as_str(), "ended": ids}))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn all(store: SessionStore, output: &Output) -> Result<ExitCode, Failure> {
    // It reads every session, so it may take long, or more than the role has. What ends them all is not kept from
    // that by a bar.
    let mut total = None;
    if output.shows_progress() {
        let counting = timeout(PATIENCE, store.count()).await;
        total = counting.ok().and_then(Result::ok).map(|count| count.live);
    }
    let bar = output.progress("ending", total);
    let told = bar.clone();
    let store = store.on_event(move |event| {
        if event.kind == EventKind::Revoked {
            told.inc(1);
        }
    });
    let ended = store.end_all().await;
    bar.finish_and_clear();
    let ended = ended?;
    output.answer(|| format!("ended {}", sessions(ended)), &json!({"ended": ended}))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn sessions(count: u64) -> String {
    match count {
        1 => "1 session".to_owned(),
        _ => format!("{count} sessions"),
    }
}
