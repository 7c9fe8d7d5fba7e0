//! [`Words`]: everything that the page says, in the application's language.

use std::borrow::Cow;

use session_core::UserId;

use crate::fill::filled;
use crate::problem::Problem;
use crate::when::{Ago, Date};

/// A text of the application's, or one that is compiled in.
pub type Text = Cow<'static, str>;

/// Everything that the page says. The default is English; another language gives each of its texts:
///
/// ```
/// use session_devices::Words;
///
/// let words = Words { title: "Where you are signed in".into(), ..Words::default() };
/// ```
///
/// A text may be longer or shorter than the English one; the page makes room. What stands in braces is
/// replaced; a text that leaves it out does without. No text is HTML: each is escaped.
///
/// A later version may add texts, so end with `..Words::default()`.
#[derive(Debug, Clone)]
pub struct Words {
    /// The page's `lang`: a language tag such as `en` or `de-AT` (RFC 5646).
    pub language: Text,
    /// The page's `dir`.
    pub direction: Direction,
    /// The heading, and the title in the browser's tab.
    pub title: Text,
    /// Below the heading. `{user}` is the user's id.
    pub lead: Text,
    /// The heading above the session that looks, for those who hear the page: the badge says it to
    /// those who see it.
    pub signed_in_here: Text,
    /// The badge of the session that looks.
    pub this_device: Text,
    /// The badge of a session in which somebody acts in the user's place. `{user}` is who does.
    pub impersonated: Text,
    /// The heading above the others.
    pub other_devices: Text,
    /// In place of the others, if there are none.
    pub none_elsewhere: Text,
    /// Before the moment of the last request.
    pub last_seen: Text,
    /// Before the moment of the sign-in.
    pub first_seen: Text,
    /// Before the address of the last request.
    pub ip_address: Text,
    /// In place of an address that is not known.
    pub unknown_address: Text,
    /// Beside the last address, if the first was another. `{address}` is the first.
    pub first_address: Text,
    /// In place of the name of a browser that is not known.
    pub unknown_browser: Text,
    /// A desktop or a laptop.
    pub computer: Text,
    /// A phone.
    pub phone: Text,
    /// A tablet.
    pub tablet: Text,
    /// A program.
    pub robot: Text,
    /// What is none of these.
    pub other_device: Text,
    /// The button that ends the session that looks, where there is little room.
    pub sign_out: Text,
    /// The same where there is room. Begins with the shorter one.
    pub sign_out_here: Text,
    /// The button that ends another session, where there is little room.
    pub end: Text,
    /// The same where there is room. Begins with the shorter one.
    pub end_session: Text,
    /// The same for those who hear it and see no row around it. `{device}` is the device's name,
    /// `{ago}` how long ago it was last seen. Begins with what the button shows, so that those who
    /// speak to their computer are understood (WCAG 2.5.3).
    pub end_session_of: Text,
    /// The button that ends all others.
    pub end_all_others: Text,
    /// The heading of the last section.
    pub lost_title: Text,
    /// What the last section's button does.
    pub lost_hint: Text,
    /// The last section's button.
    pub sign_out_everywhere: Text,
    /// How long ago something was.
    pub ago: fn(Ago) -> String,
    /// A moment in UTC. It says that it is UTC.
    pub date: fn(Date) -> String,
    /// What went wrong.
    pub problem: fn(Problem) -> Sentence,
    /// The link that leads away from what went wrong, to
    /// [`after_sign_out`](crate::DevicesPage::after_sign_out).
    pub to_first_page: Text,
}

/// What went wrong, to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The heading, and the title in the browser's tab.
    pub title: Text,
    /// The sentence below it.
    pub text: Text,
}

/// Which way a language is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// As English is.
    #[default]
    LeftToRight,
    /// As Arabic and Hebrew are.
    RightToLeft,
}

impl Direction {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::LeftToRight => "ltr",
            Self::RightToLeft => "rtl",
        }
    }
}

impl Words {
    pub(crate) fn impersonated_by(&self, user: &UserId) -> String {
        filled(&self.impersonated, &[("{user}", user.as_str())])
    }

    pub(crate) fn first_address_of(&self, address: &str) -> String {
        filled(&self.first_address, &[("{address}", address)])
    }
}

impl Default for Words {
    fn default() -> Self {
        Self {
            language: "en".into(),
            direction: Direction::LeftToRight,
            title: "Your devices".into(),
            lead: "Where {user} is signed in. If you do not know one, end its session.".into(),
            signed_in_here: "Signed in here".into(),
            this_device: "This device".into(),
            impersonated: "{user} acts for you here".into(),
            other_devices: "Other devices".into(),
            none_elsewhere: "You are signed in nowhere else.".into(),
            last_seen: "Last seen".into(),
            first_seen: "First seen".into(),
            ip_address: "IP address".into(),
            unknown_address: "unknown".into(),
            first_address: "at first {address}".into(),
            unknown_browser: "Unknown browser".into(),
            computer: "Computer".into(),
            phone: "Phone".into(),
            tablet: "Tablet".into(),
            robot: "Robot".into(),
            other_device: "Other device".into(),
            sign_out: "Sign out".into(),
            sign_out_here: "Sign out here".into(),
            end: "End".into(),
            end_session: "End session".into(),
            end_session_of: "End session of {device}, last seen {ago}".into(),
            end_all_others: "End all others".into(),
            lost_title: "Lost a device, or not sure?".into(),
            lost_hint: "Ends every session, this one too. You can sign in again at once.".into(),
            sign_out_everywhere: "Sign out everywhere".into(),
            ago: english_ago,
            date: english_date,
            problem: english_problem,
            to_first_page: "To the first page".into(),
        }
    }
}

fn english_ago(ago: Ago) -> String {
    let (count, unit) = match ago {
        Ago::JustNow => return "just now".to_owned(),
        Ago::Minutes(count) => (count, "minute"),
        Ago::Hours(count) => (count, "hour"),
        Ago::Days(count) => (count, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

fn english_date(date: Date) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let Date { year, month, day, hour, minute } = date;
    let month = MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or_default();
    format!("{day} {month} {year}, {hour:02}:{minute:02} UTC")
}

fn english_problem(problem: Problem) -> Sentence {
    let title = match problem {
        Problem::NotSignedIn => "Not signed in",
        Problem::NotFresh => "Is it still you?",
        Problem::OtherSite => "Refused",
        Problem::InvalidId | Problem::NoSuchSession => "Not found",
        Problem::SessionEnded => "This session has ended",
        Problem::Unavailable => "Not just now",
        Problem::Internal => "Something went wrong",
    };
    Sentence { title: title.into(), text: problem.message().into() }
}
