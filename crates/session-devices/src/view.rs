//! [`Page`]: what a page shows, before it is HTML.

use std::borrow::Cow;

use askama::Template;
use session_core::{DeviceType, DeviceView, RequestHead, Session, SessionId, Timestamp, UserId};

use crate::fill::{around, filled};
use crate::moment::Moment;
use crate::problem::Problem;
use crate::words::{Sentence, Words};

/// What a [template](crate::DevicesPage::template) makes a document of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Page<'a> {
    /// The texts, in the language of this request.
    pub words: &'a Words,
    /// The request. Its URI is the one that was asked for, inside of a nested router too.
    pub head: RequestHead<'a>,
    /// The session that asks; `None` if the request was answered before it was loaded, or its backend
    /// failed.
    pub session: Option<&'a Session>,
    /// Where the page's links and forms lead.
    pub links: Links<'a>,
    /// What it is about.
    pub shows: Shows<'a>,
}

/// What a page is about.
#[derive(Debug)]
#[non_exhaustive]
pub enum Shows<'a> {
    /// The user's devices.
    Devices(&'a Devices<'a>),
    /// Something went wrong.
    Problem(Problem),
}

/// Where the links and forms of a page lead: paths on this site.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Links<'a> {
    /// The page of devices itself.
    pub devices: Cow<'a, str>,
    /// POST: ends every other session of the user.
    pub logout_others: Cow<'a, str>,
    /// POST: ends every session of the user.
    pub logout_all: Cow<'a, str>,
    /// The stylesheet.
    pub stylesheet: Cow<'a, str>,
    /// Where nobody needs to be signed in.
    pub first_page: Cow<'a, str>,
}

/// The user's devices.
#[derive(Debug)]
#[non_exhaustive]
pub struct Devices<'a> {
    /// Whose they are.
    pub user: UserId,
    /// The one that looks; `None` if it ended in this moment.
    pub this: Option<Device<'a>>,
    /// The others, most recently active first.
    pub others: Vec<Device<'a>>,
}

/// One device: a session of the user's.
#[derive(Debug)]
#[non_exhaustive]
pub struct Device<'a> {
    /// The session's id.
    pub id: SessionId,
    /// Whether it is the session that looks.
    pub is_this: bool,
    /// Such as "Firefox on Windows".
    pub name: Cow<'a, str>,
    /// What kind of device it is.
    pub kind: Kind<'a>,
    /// Who acts here in the user's place, if it is not the user: support staff.
    pub impersonator: Option<UserId>,
    /// Where its last request came from, if that is known.
    pub address: Option<String>,
    /// Where its first request came from, if that was another address.
    pub first_address: Option<String>,
    /// When it signed in.
    pub first_seen: Moment,
    /// When its last request came, exact to the touch interval.
    pub last_seen: Moment,
    /// POST: ends it.
    pub end: String,
    /// The button that does so, for those who hear it: [`Words::end_session_of`].
    pub end_label: String,
}

/// What kind of device it is, in a word and as a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kind<'a> {
    /// Such as "Phone".
    pub name: &'a str,
    /// The path of an SVG of 24 by 24, drawn as a line.
    pub shape: &'static str,
}

impl<'a> Devices<'a> {
    pub(crate) fn new(
        user: UserId,
        views: &'a [DeviceView],
        now: Timestamp,
        words: &'a Words,
        base: &str,
    ) -> Self {
        let devices = views.iter().map(|view| Device::new(view, now, words, base));
        let (mut this, others): (Vec<_>, Vec<_>) = devices.partition(|device| device.is_this);
        Self { user, this: this.pop(), others }
    }
}

impl<'a> Device<'a> {
    fn new(view: &'a DeviceView, now: Timestamp, words: &'a Words, base: &str) -> Self {
        let first = view.ip_address.filter(|first| Some(*first) != view.last_ip_address);
        let name =
            if view.device_name.is_empty() { &*words.unknown_browser } else { &*view.device_name };
        let last_seen = Moment::new(view.last_active_at, now, words);
        let named = [("{device}", name), ("{ago}", &*last_seen.ago)];
        Self {
            id: view.id,
            is_this: view.current,
            name: name.into(),
            kind: Kind::of(view.device_type, words),
            impersonator: view.impersonator.clone(),
            address: view.last_ip_address.map(|ip| ip.to_string()),
            first_address: first.map(|ip| ip.to_string()),
            first_seen: Moment::new(view.created_at, now, words),
            end_label: filled(&words.end_session_of, &named),
            last_seen,
            end: format!("{base}/{}/revoke", view.id),
        }
    }
}

impl<'a> Kind<'a> {
    fn of(device: DeviceType, words: &'a Words) -> Self {
        let (name, shape) = match device {
            DeviceType::Desktop => (
                &words.computer,
                "M5 15.5v-9A1.5 1.5 0 0 1 6.5 5h11A1.5 1.5 0 0 1 19 6.5v9M2.5 19h19",
            ),
            DeviceType::Mobile => (
                &words.phone,
                "M8.5 2.5h7A1.5 1.5 0 0 1 17 4v16a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 7 20V4a1.5 \
                 1.5 0 0 1 1.5-1.5zM11 18.5h2",
            ),
            DeviceType::Tablet => (
                &words.tablet,
                "M6 2.5h12A1.5 1.5 0 0 1 19.5 4v16a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 20V4A1.5 \
                 1.5 0 0 1 6 2.5zM10.5 18.5h3",
            ),
            // The window of a terminal.
            DeviceType::Bot => (
                &words.robot,
                "M4.5 4.5h15A1.5 1.5 0 0 1 21 6v12a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18V6a1.5 \
                 1.5 0 0 1 1.5-1.5zM7 9.5l2.5 2.5L7 14.5M12.5 15H16",
            ),
            // A question mark.
            DeviceType::Unknown => (
                &words.other_device,
                "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.6a2.5 2.5 0 1 1 3.7 2.2c-.8.4-1.2 \
                 1-1.2 1.8M12 16.7v.1",
            ),
        };
        Self { name, shape }
    }
}

impl Page<'_> {
    /// What stands in the browser's tab.
    #[must_use]
    pub fn title(&self) -> Cow<'_, str> {
        match &self.shows {
            Shows::Devices(_) => Cow::Borrowed(&*self.words.title),
            Shows::Problem(problem) => (self.words.problem)(*problem).title,
        }
    }

    /// What stands in the document's one `<main>`, as HTML: its `<h1>` and all below it, for a layout
    /// of the application's own. It looks as it should with the [stylesheet](crate::STYLE).
    #[must_use]
    pub fn main(&self) -> String {
        #[derive(Template)]
        #[template(path = "devices.html")]
        struct DevicesMain<'a> {
            page: &'a Page<'a>,
            words: &'a Words,
            devices: &'a Devices<'a>,
            lead: (&'a str, Option<&'a UserId>, &'a str),
        }
        #[derive(Template)]
        #[template(path = "problem.html")]
        struct ProblemMain<'a> {
            page: &'a Page<'a>,
            sentence: Sentence,
        }
        match &self.shows {
            Shows::Devices(devices) => {
                let lead = match around(&self.words.lead, "{user}") {
                    Some((before, after)) => (before, Some(&devices.user), after),
                    None => (&*self.words.lead, None, ""),
                };
                rendered(&DevicesMain { page: self, words: self.words, devices, lead })
            }
            Shows::Problem(problem) => {
                rendered(&ProblemMain { page: self, sentence: (self.words.problem)(*problem) })
            }
        }
    }

    /// The whole document, as it is without a [template](crate::DevicesPage::template).
    #[must_use]
    pub fn document(&self) -> String {
        #[derive(Template)]
        #[template(path = "document.html")]
        struct Document<'a> {
            page: &'a Page<'a>,
        }
        rendered(&Document { page: self })
    }
}

/// Writing into memory does not fail, and nothing in our templates does.
fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(
            target: "session",
            error = &error as &dyn std::error::Error,
            "a page cannot be rendered"
        );
        String::new()
    })
}
