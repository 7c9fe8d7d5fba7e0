//! Light or dark: a visitor's choice, kept in the session.

use session_core::Session;

use crate::answer::{Answer, Outcome};
use crate::problem::Code;
use crate::request::Form;

const THEME: &str = "theme";

/// As the device says.
pub(super) const AUTO: &str = "auto";

/// What can be chosen, and what it is called.
pub(super) const THEMES: [(&str, &str); 3] =
    [(AUTO, "Automatic"), ("light", "Light"), ("dark", "Dark")];

/// The theme of this session. A script may have stored anything under its key.
pub(super) fn of(session: &Session) -> &'static str {
    let stored = session.data();
    let stored = stored.get(THEME).and_then(serde_json::Value::as_str);
    stored.and_then(known).unwrap_or(AUTO)
}

/// `POST /theme`
pub(crate) fn choose(session: &Session, body: &[u8]) -> Outcome {
    let chosen = Form::parse(body).field(THEME).and_then(known).ok_or(Code::InvalidForm)?;
    if chosen == AUTO {
        // The default needs no session.
        session.remove(THEME)?;
    } else {
        session.set(THEME, chosen)?;
    }
    Ok(Answer::see_other("/"))
}

fn known(name: &str) -> Option<&'static str> {
    THEMES.into_iter().map(|(theme, _)| theme).find(|theme| *theme == name)
}
