//! A configuration where a backend belongs.

use session_core::{SessionConfig, SessionStore};

fn main() {
    let _ = SessionStore::new(SessionConfig::default(), SessionConfig::default());
}
