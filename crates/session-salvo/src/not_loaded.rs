//! [`NotLoaded`]: why a look at the session saw nothing.

use std::fmt;

/// Nobody has loaded the session yet, or there is no session handler, so it is not known who is
/// signed in. Not the same as "nobody".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLoaded;

impl fmt::Display for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session was not loaded; mount the session handler with `.eager()`, around what looks")
    }
}

impl std::error::Error for NotLoaded {}
