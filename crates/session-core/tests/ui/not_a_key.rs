//! A number as a key, and a typed key with another type's value.

use session_core::{Key, Session};

const VISITS: Key<u64> = Key::new("visits");

fn number(session: &Session) {
    let _ = session.set(7, "x");
}

fn another_type(session: &Session) {
    let _ = session.get::<String>(VISITS);
}

fn main() {}
