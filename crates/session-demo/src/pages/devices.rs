//! The page that shows a user where he is signed in, and ends what he does not know.

use askama::Template;
use http::StatusCode;
use session_core::{DeviceType, ErrorKind, Session, SessionData, SessionId, Timestamp};

use super::moment::Moment;
use super::{page_with, theme};
use crate::answer::{Answer, Outcome};
use crate::api::devices::id;

/// `GET /devices`
pub(crate) async fn show(session: &Session) -> Outcome {
    let Some(user) = session.user_id() else { return Ok(Answer::see_other("/")) };
    let now = session.store().now();
    let (sessions, current) = (session.list().await?, session.id());
    let devices: Vec<_> = sessions.iter().map(|one| Device::new(one, current, now)).collect();
    let page = Page {
        theme: theme::of(session),
        user: user.as_str(),
        others: devices.iter().filter(|device| !device.is_this).count(),
        devices,
    };
    Ok(page_with(StatusCode::OK, &page))
}

/// `POST /devices/{id}/revoke`
pub(crate) async fn revoke(session: &Session, segment: &str) -> Outcome {
    let id = id(segment)?;
    let is_this = session.id() == Some(id);
    match session.revoke(id).await {
        // One that was gone already is what was wanted.
        Ok(_) => Ok(Answer::see_other(if is_this { "/" } else { "/devices" })),
        Err(error) => visitor_goes_home(error),
    }
}

/// `POST /logout-others`
pub(crate) async fn logout_others(session: &Session) -> Outcome {
    match session.logout_others().await {
        Ok(_) => Ok(Answer::see_other("/devices")),
        Err(error) => visitor_goes_home(error),
    }
}

/// `POST /logout-all`
pub(crate) async fn logout_all(session: &Session) -> Outcome {
    match session.logout_all().await {
        Ok(_) => Ok(Answer::see_other("/")),
        Err(error) => visitor_goes_home(error),
    }
}

/// Who is not signed in any more finds the sign-in form there.
fn visitor_goes_home(error: session_core::Error) -> Outcome {
    match error.kind() {
        ErrorKind::Unauthenticated => Ok(Answer::see_other("/")),
        _ => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "devices.html")]
struct Page<'a> {
    theme: &'static str,
    user: &'a str,
    others: usize,
    devices: Vec<Device<'a>>,
}

struct Device<'a> {
    id: SessionId,
    is_this: bool,
    name: &'a str,
    kind: &'static str,
    address: Option<String>,
    first_address: Option<String>,
    first_seen: Moment,
    last_seen: Moment,
}

impl<'a> Device<'a> {
    fn new(session: &'a SessionData, current: Option<SessionId>, now: Timestamp) -> Self {
        let first = session.ip_address.filter(|first| Some(*first) != session.last_ip_address);
        Self {
            id: session.id,
            is_this: current == Some(session.id),
            name: if session.device_name.is_empty() {
                "Unknown browser"
            } else {
                &session.device_name
            },
            kind: match session.device_type {
                DeviceType::Desktop => "Computer",
                DeviceType::Mobile => "Phone",
                DeviceType::Tablet => "Tablet",
                DeviceType::Bot => "Robot",
                DeviceType::Unknown => "Other device",
            },
            address: session.last_ip_address.map(|ip| ip.to_string()),
            first_address: first.map(|ip| ip.to_string()),
            first_seen: Moment::new(session.created_at, now),
            last_seen: Moment::new(session.last_active_at, now),
        }
    }
}
