//! [`AccountSlots`]: several accounts in one browser, each with a cookie of its own.

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::cookie::CookieRules;
use crate::error::{Error, ErrorKind};
use crate::invalid_config::InvalidConfig;
use crate::settings::Settings;

/// The most slots that there can be. Each is a cookie of about 150 bytes in every request.
const MAX_SLOTS: u8 = 10;
const DEFAULT_SLOTS: u8 = 4;
const KEY: &str = "accounts";

/// Where a request says which of a browser's accounts it is for: a number in its path (`/u/1/inbox`) or in a
/// header. For the adapter's layer, `accounts(…)`.
///
/// - Each slot has a cookie and a session of its own (law `accounts_never_mix`). Slot 0 has the configured
///   name, slot *n* that name followed by `-n`, in which prefixes such as `__Host-` go on to hold. If cookies
///   are signed, each has a key of its own.
/// - A request that names no slot is for slot 0: one whose path begins otherwise, or without the header.
/// - One that names a slot which cannot be is [`NoSuchSlot`](ErrorKind::NoSuchSlot), 404, before anything is
///   looked up, whatever its handler does: no number, one that is too large, empty, with a sign or a leading
///   zero, percent-encoded, or two headers. So is one whose prefix is percent-encoded or comes behind empty
///   segments (`/%75/1`, `//u/1`): some routers read it as the prefix.
/// - Nothing is taken off the path: the application routes `/u/{account}/…` itself. It is the path that the
///   layer sees, so mount the layer outside of what takes prefixes off, such as axum's `Router::nest`.
/// - A slot is a name and no secret: it says which cookie is read, and grants nothing.
///
/// [`Session::slot`](crate::Session::slot) says which it is,
/// [`Session::accounts`](crate::Session::accounts) who is signed in where, and
/// [`Session::logout_all_slots`](crate::Session::logout_all_slots) ends them all.
#[derive(Debug, Clone)]
pub struct AccountSlots {
    named_in: NamedIn<String>,
    count: u8,
}

#[derive(Debug, Clone)]
enum NamedIn<H> {
    Path(String),
    Header(H),
}

impl AccountSlots {
    /// In the path: behind `prefix`, such as `/u`, one segment that is the number. Four slots.
    #[must_use]
    pub fn path(prefix: impl Into<String>) -> Self {
        Self { named_in: NamedIn::Path(prefix.into()), count: DEFAULT_SLOTS }
    }

    /// In a header of this name, for an application whose pages are made by scripts. Four slots. Answers that
    /// used their session have `Vary` with its name.
    #[must_use]
    pub fn header(name: impl Into<String>) -> Self {
        Self { named_in: NamedIn::Header(name.into()), count: DEFAULT_SLOTS }
    }

    /// How many slots there are, 0 included: 2 to 10.
    #[must_use]
    pub const fn count(mut self, count: u8) -> Self {
        self.count = count;
        self
    }
}

/// The slots of a layer, checked, with the rules of each one's cookie.
#[derive(Debug)]
pub(crate) struct Accounts {
    named_in: NamedIn<HeaderName>,
    /// By their numbers.
    cookies: Vec<CookieRules>,
}

impl Accounts {
    pub(crate) fn new(slots: AccountSlots, settings: &Settings) -> Result<Self, InvalidConfig> {
        let refuse = |reason: &'static str| InvalidConfig::new(KEY, reason);
        if !(2..=MAX_SLOTS).contains(&slots.count) {
            return Err(refuse("there must be 2 to 10 slots"));
        }
        let named_in = match slots.named_in {
            NamedIn::Path(prefix) => {
                let rest = prefix.strip_prefix('/').unwrap_or_default();
                let is_segment = |part: &str| {
                    !part.is_empty()
                        && part.bytes().all(|byte| {
                            byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
                        })
                };
                if !rest.split('/').all(is_segment) {
                    return Err(refuse(
                        "the path's prefix must be / and a segment, such as /u, and not end in /",
                    ));
                }
                NamedIn::Path(prefix)
            }
            NamedIn::Header(name) => {
                let name = HeaderName::try_from(name)
                    .map_err(|_| refuse("the header's name must be one"))?;
                NamedIn::Header(name)
            }
        };
        let base = &settings.cookie;
        let (secrets, signing) = (&settings.config.secrets, settings.config.signing);
        let others = (1..slots.count).map(|slot| base.of_slot(slot).signed(secrets, signing));
        let cookies = std::iter::once(Ok(base.clone())).chain(others).collect::<Result<_, _>>()?;
        Ok(Self { named_in, cookies })
    }

    /// Which slot a request is for.
    pub(crate) fn slot_of(&self, uri: &Uri, headers: &HeaderMap) -> Result<u8, Error> {
        let named = match &self.named_in {
            NamedIn::Path(prefix) => match uri.path().strip_prefix(prefix.as_str()) {
                Some("") => b"",
                Some(rest) if rest.starts_with('/') => {
                    rest[1..].split('/').next().unwrap_or_default().as_bytes()
                }
                // Its handler would be the slot's, and its session another's.
                _ if may_be_read_as(uri.path(), prefix) => b"",
                // "/users" does not begin with the segment "u".
                _ => return Ok(0),
            },
            NamedIn::Header(name) => {
                let mut lines = headers.get_all(name).iter();
                match (lines.next(), lines.next()) {
                    (None, _) => return Ok(0),
                    (Some(line), None) => line.as_bytes(),
                    (Some(_), Some(_)) => b"",
                }
            }
        };
        // At most ten: one digit, and each slot has one spelling.
        match named {
            [digit @ b'0'..=b'9'] if usize::from(digit - b'0') < self.cookies.len() => {
                Ok(digit - b'0')
            }
            _ => Err(Error::from_kind(ErrorKind::NoSuchSlot)),
        }
    }

    /// Below which path a request's slot has its pages, such as `/u/1`; `None` for slot 0, and if no path says it.
    pub(crate) fn place_of(&self, uri: &Uri) -> Option<String> {
        let NamedIn::Path(prefix) = &self.named_in else { return None };
        let slot = self.slot_of(uri, &HeaderMap::new()).ok().filter(|slot| *slot != 0)?;
        Some(format!("{prefix}/{slot}"))
    }

    /// The rules of a slot's cookie.
    pub(crate) fn cookie(&self, slot: u8) -> Option<&CookieRules> {
        self.cookies.get(usize::from(slot))
    }

    pub(crate) fn cookies(&self) -> impl Iterator<Item = (u8, &CookieRules)> {
        (0..).zip(&self.cookies)
    }

    /// What answers vary on beside the cookie.
    pub(crate) fn varies(&self) -> Option<(&str, HeaderValue)> {
        match &self.named_in {
            NamedIn::Path(_) => None,
            NamedIn::Header(name) => Some((name.as_str(), HeaderValue::from(name.clone()))),
        }
    }
}

/// Whether a router that decodes each segment, or leaves empty ones out, finds the prefix in front of a path;
/// salvo's does both.
fn may_be_read_as(path: &str, prefix: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut wanted = prefix.split('/').filter(|segment| !segment.is_empty());
    wanted.all(|wanted| segments.next().is_some_and(|segment| spells(segment, wanted)))
}

/// Whether a segment is this text once it is decoded.
fn spells(segment: &str, text: &str) -> bool {
    let mut segment = segment.as_bytes();
    for byte in text.bytes() {
        let (first, rest) = match *segment {
            [b'%', high, low, ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, &segment[3..]),
                _ => (b'%', &segment[1..]),
            },
            [first, ..] => (first, &segment[1..]),
            [] => return false,
        };
        if first != byte {
            return false;
        }
        segment = rest;
    }
    segment.is_empty()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionConfig;

    fn settings(name: &str) -> Settings {
        Settings::new(SessionConfig { cookie_name: name.to_owned(), ..SessionConfig::default() })
            .unwrap()
    }

    fn accounts(slots: AccountSlots) -> Accounts {
        Accounts::new(slots, &settings("_session")).unwrap()
    }

    #[test]
    fn slots_in_a_path() {
        let accounts = accounts(AccountSlots::path("/u").count(3));
        for (path, expected) in [
            ("/", Some(0)),
            ("/inbox", Some(0)),
            ("/users/1", Some(0)),
            ("/u1", Some(0)),
            ("/U/1", Some(0)),
            ("/x/u/1", Some(0)),
            ("/%", Some(0)),
            ("/%7", Some(0)),
            ("/%75s/1", Some(0)),
            ("/%2575/1", Some(0)),
            ("/u/0", Some(0)),
            ("/u/1", Some(1)),
            ("/u/2/", Some(2)),
            ("/u/2/inbox/1?u=0", Some(2)),
            ("https://app.example/u/1/x", Some(1)),
            ("/u", None),
            ("/u?1", None),
            ("/u/", None),
            ("/u//1", None),
            ("/u/3", None),
            ("/u/9", None),
            ("/u/10", None),
            ("/u/256", None),
            ("/u/18446744073709551617", None),
            ("/u/-1", None),
            ("/u/+1", None),
            ("/u/01", None),
            ("/u/00", None),
            ("/u/1x", None),
            ("/u/1;a", None),
            ("/u/one", None),
            ("/u/%31", None),
            ("/u/1%2F2", None),
            // The prefix, to some routers.
            ("//u/1", None),
            ("/%75/1", None),
            ("///%75", None),
            ("//u//1", None),
        ] {
            let slot = accounts.slot_of(&path.parse().unwrap(), &HeaderMap::new());
            assert_eq!(slot.as_ref().ok(), expected.as_ref(), "{path}");
            assert!(slot.map_or_else(|error| error.kind() == ErrorKind::NoSuchSlot, |_| true));
        }
        let star = accounts.slot_of(&Uri::from_static("*"), &HeaderMap::new());
        assert_eq!(star.ok(), Some(0), "OPTIONS for all");
    }

    #[test]
    fn slots_in_a_header() {
        let accounts = accounts(AccountSlots::header("X-Account").count(10));
        let path = Uri::from_static("/u/7");
        for (lines, expected) in [
            (&[][..], Some(0)),
            (&["0"], Some(0)),
            (&["9"], Some(9)),
            (&[""], None),
            (&["10"], None),
            (&["1, 2"], None),
            (&["1", "1"], None),
            (&["x"], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-account", line.parse().unwrap());
            }
            let slot = accounts.slot_of(&path, &headers).ok();
            assert_eq!(slot, expected, "{lines:?}");
        }
    }

    #[test]
    fn names_of_cookies() {
        for (name, second) in [("_session", "_session-1"), ("__Host-s", "__Host-s-1")] {
            let accounts =
                Accounts::new(AccountSlots::path("/u").count(2), &settings(name)).unwrap();
            let names: Vec<_> = accounts.cookies().map(|(_, rules)| rules.name()).collect();
            assert_eq!(names, [name, second]);
        }
        // With its number the longest name is still no longer than what browsers keep.
        let longest = settings(&format!("__Host-{}", "n".repeat(121)));
        assert!(Accounts::new(AccountSlots::path("/u").count(10), &longest).is_ok());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for slots in [
            AccountSlots::path("/u").count(0),
            AccountSlots::path("/u").count(1),
            AccountSlots::path("/u").count(11),
            AccountSlots::path(""),
            AccountSlots::path("/"),
            AccountSlots::path("u"),
            AccountSlots::path("/u/"),
            AccountSlots::path("//u"),
            AccountSlots::path("/u?"),
            AccountSlots::path("/ü"),
            AccountSlots::path("/u%2F"),
            AccountSlots::header(""),
            AccountSlots::header("x account"),
        ] {
            let error = Accounts::new(slots.clone(), &settings("_session")).unwrap_err();
            assert_eq!(error.key(), "accounts", "{slots:?}");
        }
    }
}
