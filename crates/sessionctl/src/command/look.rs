//! `list`, `show` and `stats`: what only looks.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value, json};
use session_core::{SessionData, SessionId, SessionStore, Timestamp, UserId};

use crate::failure::Failure;
use crate::output::{Output, plain, table};

pub(crate) async fn list(
    store: &SessionStore,
    user: &UserId,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let sessions = store.list(user).await?;
    if sessions.is_empty() {
        return Err(Failure::not_found(format!("{user} has no live session")));
    }
    let text = || {
        let rows = sessions.iter().map(|session| {
            [
                session.id.to_string(),
                device(session),
                address(session.last_ip_address),
                moment(session.last_active_at),
                moment(session.expires_at),
            ]
        });
        table(["ID", "DEVICE", "ADDRESS", "LAST ACTIVE", "EXPIRES"], rows.collect())
    };
    let sessions: Vec<_> = sessions.iter().map(of_session).collect();
    output.answer(text, &json!({"user": user.as_str(), "sessions": sessions}))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn show(
    store: &SessionStore,
    id: &SessionId,
    with_data: bool,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let Some(session) = store.get(id).await? else {
        return Err(Failure::not_found(format!("there is no live session {id}")));
    };
    let mut object = of_session(&session);
    let data: Map<String, Value> =
        session.data.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    object.insert("keys".to_owned(), data.len().into());
    if with_data {
        object.insert("data".to_owned(), data.clone().into());
    }
    let text =
        || {
            let mut lines: Vec<String> = object
                .iter()
                .filter(|(name, value)| !value.is_null() && *name != "data")
                .map(|(name, value)| format!("{name:<20} {}", shown(value)))
                .collect();
            if with_data {
                lines.push("data".to_owned());
                // Escaped as JSON, and what JSON leaves is made plain.
                lines.extend(data.iter().map(|(key, value)| {
                    plain(&format!("  {}: {value}", Value::from(key.as_str())))
                }));
            }
            lines.join("\n")
        };
    output.answer(text, &Value::Object(object.clone()))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn stats(store: &SessionStore, output: &Output) -> Result<ExitCode, Failure> {
    let bar = output.progress("counting", None);
    bar.enable_steady_tick(Duration::from_millis(100));
    let count = store.count().await;
    bar.finish_and_clear();
    let count = count?;
    let visitors = count.live - count.signed_in.min(count.live);
    let text = || {
        format!(
            "live sessions  {}\nsigned in      {}\nvisitors       {visitors}\nusers          {}",
            count.live, count.signed_in, count.users
        )
    };
    let value = json!({
        "live": count.live,
        "signed_in": count.signed_in,
        "visitors": visitors,
        "users": count.users,
    });
    output.answer(text, &value)?;
    Ok(ExitCode::SUCCESS)
}

/// What is known of a session, without what the application stored.
fn of_session(session: &SessionData) -> Map<String, Value> {
    let time = |at: Timestamp| Value::from(at.to_string());
    let optional = |at: Option<Timestamp>| at.map_or(Value::Null, time);
    let ip = |ip: Option<IpAddr>| ip.map_or(Value::Null, |ip| ip.to_string().into());
    let fields = [
        ("id", session.id.to_string().into()),
        ("user", session.user_id.as_ref().map(UserId::as_str).into()),
        ("impersonator", impersonator(session).map(UserId::as_str).into()),
        ("device", session.device_name.as_str().into()),
        ("device_type", session.device_type.as_str().into()),
        ("user_agent", session.user_agent.as_deref().into()),
        ("ip_address", ip(session.ip_address)),
        ("last_ip_address", ip(session.last_ip_address)),
        ("created_at", time(session.created_at)),
        ("authenticated_at", optional(session.authenticated_at)),
        ("last_active_at", time(session.last_active_at)),
        ("expires_at", time(session.expires_at)),
        ("absolute_expires_at", optional(session.absolute_expires_at)),
        ("not_after", optional(session.not_after)),
        ("version", session.version.into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Who acts in the user's place, if it is not the user.
fn impersonator(session: &SessionData) -> Option<&UserId> {
    session.impersonator.as_ref().map(|staff| &staff.user)
}

fn device(session: &SessionData) -> String {
    match impersonator(session) {
        Some(staff) => format!("{} ({staff} acts here)", session.device_name),
        None => session.device_name.clone(),
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), plain)
}

fn address(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "-".to_owned(), |address| address.to_string())
}

/// To the second: nobody reads more in a table.
fn moment(at: Timestamp) -> String {
    let second = at.as_micros().div_euclid(1_000_000) * 1_000_000;
    Timestamp::from_micros(second).to_string()
}
