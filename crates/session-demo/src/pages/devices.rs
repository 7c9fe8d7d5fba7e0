//! The page that shows a user where they are signed in, and ends what they do not know.

use askama::Template;
use http::StatusCode;
use session_core::{DeviceType, DeviceView, ErrorKind, Session, SessionId, Timestamp};

use super::moment::Moment;
use super::{page_with, theme};
use crate::answer::{Answer, Outcome};
use crate::api::devices::id;

/// `GET /devices`
pub(crate) async fn show(session: &Session) -> Outcome {
    let Some(user) = session.user_id() else { return Ok(Answer::see_other("/")) };
    let now = session.store().now();
    let views = match session.list().await {
        Ok(views) => views,
        // Ended while we looked: there, one signs in.
        Err(error) if error.kind() == ErrorKind::SessionEnded => return Ok(Answer::see_other("/")),
        Err(error) => return Err(error.into()),
    };
    let devices = views.iter().map(|view| Device::new(view, now));
    let (mut this, others): (Vec<_>, Vec<_>) = devices.partition(|device| device.is_this);
    let page = Page { theme: theme::of(session), user: user.as_str(), this: this.pop(), others };
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
    this: Option<Device<'a>>,
    others: Vec<Device<'a>>,
}

struct Device<'a> {
    id: SessionId,
    is_this: bool,
    name: &'a str,
    kind: Kind,
    address: Option<String>,
    first_address: Option<String>,
    first_seen: Moment,
    last_seen: Moment,
}

impl<'a> Device<'a> {
    fn new(view: &'a DeviceView, now: Timestamp) -> Self {
        let first = view.ip_address.filter(|first| Some(*first) != view.last_ip_address);
        Self {
            id: view.id,
            is_this: view.current,
            name: if view.device_name.is_empty() { "Unknown browser" } else { &view.device_name },
            kind: Kind::of(view.device_type),
            address: view.last_ip_address.map(|ip| ip.to_string()),
            first_address: first.map(|ip| ip.to_string()),
            first_seen: Moment::new(view.created_at, now),
            last_seen: Moment::new(view.last_active_at, now),
        }
    }
}

/// What kind of device it is, in a word and as a picture.
struct Kind {
    name: &'static str,
    /// The path of an SVG of 24 by 24, drawn as a line.
    shape: &'static str,
}

impl Kind {
    fn of(device: DeviceType) -> Self {
        let (name, shape) = match device {
            DeviceType::Desktop => {
                ("Computer", "M5 15.5v-9A1.5 1.5 0 0 1 6.5 5h11A1.5 1.5 0 0 1 19 6.5v9M2.5 19h19")
            }
            DeviceType::Mobile => (
                "Phone",
                "M8.5 2.5h7A1.5 1.5 0 0 1 17 4v16a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 7 20V4a1.5 \
                 1.5 0 0 1 1.5-1.5zM11 18.5h2",
            ),
            DeviceType::Tablet => (
                "Tablet",
                "M6 2.5h12A1.5 1.5 0 0 1 19.5 4v16a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 20V4A1.5 \
                 1.5 0 0 1 6 2.5zM10.5 18.5h3",
            ),
            // The window of a terminal.
            DeviceType::Bot => (
                "Robot",
                "M4.5 4.5h15A1.5 1.5 0 0 1 21 6v12a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18V6a1.5 \
                 1.5 0 0 1 1.5-1.5zM7 9.5l2.5 2.5L7 14.5M12.5 15H16",
            ),
            // A question mark.
            DeviceType::Unknown => (
                "Other device",
                "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.6a2.5 2.5 0 1 1 3.7 2.2c-.8.4-1.2 \
                 1-1.2 1.8M12 16.7v.1",
            ),
        };
        Self { name, shape }
    }
}
