//! The application's configuration, from a file.

use std::path::Path;

use session_core::SessionConfig;

use crate::failure::{Failure, Kind};

/// Reads and checks a file: TOML if it is called so, else YAML, of which JSON is a part.
pub(crate) fn read(path: &Path) -> Result<SessionConfig, Failure> {
    let named =
        |kind, message: String| Failure::new(kind, format!("{}: {message}", path.display()));
    let text =
        std::fs::read_to_string(path).map_err(|error| named(Kind::Refused, error.to_string()))?;
    let is_toml = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
    let read = if is_toml { of_toml(&text) } else { of_yaml(&text) };
    let config = read.map_err(|message| named(Kind::Unwell, message))?;
    config.check().map_err(|error| named(Kind::Unwell, error.to_string()))?;
    Ok(config)
}

/// Without the line itself: a secret may be in it.
fn of_toml(text: &str) -> Result<SessionConfig, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{place}{}", error.message())
    })
}

/// An empty file, and one with comments only, is YAML for null.
fn of_yaml(text: &str) -> Result<SessionConfig, String> {
    serde_saphyr::from_str::<Option<SessionConfig>>(text)
        .map(Option::unwrap_or_default)
        .map_err(|error| error.without_snippet().to_string())
}
