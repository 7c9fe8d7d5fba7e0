//! The races. Each runs one trial with browsers of its own, and says what was seen; nothing about a
//! program is assumed.

pub(crate) mod adoption;
pub(crate) mod outage;
pub(crate) mod rotation;
pub(crate) mod sign_out;
pub(crate) mod writes;

use std::time::Duration;

/// How long a slow handler waits between its read and its write, where another request is to be
/// answered in between.
const SLOW: Duration = Duration::from_millis(500);

/// How long after a slow request was sent it has surely read its session.
const HEAD_START: Duration = Duration::from_millis(200);

/// A slow write of `key`, as a path.
fn slow_set(key: &str) -> String {
    format!("/slow-set?key={key}&value=late&ms={}", SLOW.as_millis())
}
