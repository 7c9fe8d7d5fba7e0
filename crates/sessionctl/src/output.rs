//! [`Output`]: text for people, one JSON document for programs.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Where the answers go. Colour and progress only where a terminal is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// The answer: as text, or as JSON.
    ///
    /// # Errors
    /// It cannot be written. What the command did is done.
    pub(crate) fn answer(
        &self,
        text: impl FnOnce() -> String,
        value: &Value,
    ) -> Result<(), Failure> {
        written(if self.json {
            // Not by way of `anstream`, which leaves out what a terminal would not show: a program wants all.
            writeln!(io::stdout(), "{}", escaped(value))
        } else {
            writeln!(anstream::stdout(), "{}", text().trim_end())
        })
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let message = plain(&failure.message);
        let _ = if self.json {
            let error = json!({"error": {"kind": failure.kind.name(), "message": message}});
            writeln!(io::stderr(), "{error}")
        } else {
            let red = RED;
            writeln!(anstream::stderr(), "{red}error:{red:#} {message}")
        };
    }

    /// Whether anybody sees how far something is.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// Says how far something is, on a terminal. `total`: if it is known.
    pub(crate) fn progress(&self, what: &'static str, total: Option<u64>) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match total {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len} {eta}",
            None => "{spinner} {msg} {human_pos}",
        };
        let style = ProgressStyle::with_template(template);
        style.map_or(bar.clone(), |style| bar.with_style(style)).with_message(what)
    }
}

pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();

/// A table with this head. Its cells are made [`plain`].
pub(crate) fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    table.trim_fmt()
}

/// What others wrote, such as a browser's name of itself, must not speak to the terminal: control
/// characters are shown as a mark.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same value to programs, and nothing to a terminal: what JSON leaves of such characters stands in
/// strings, and is written there by its number.
fn escaped(value: &Value) -> String {
    let mut escaped = String::new();
    for c in value.to_string().chars() {
        if is_odd(c) {
            // All of them have four digits.
            escaped.extend(format!("\\u{:04x}", u32::from(c)).chars());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Whether what was written has arrived. Whoever reads it may have gone, as in `sessionctl list ann | head -1`;
/// a file that is cut off by a full disk must not look whole.
pub(crate) fn written(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message =
                format!("the command was carried out, but its answer cannot be written: {error}");
            Err(Failure::refused(message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_speaks_to_the_terminal() {
        for (text, shown) in [
            ("Firefox on Linux", "Firefox on Linux"),
            ("\u{1b}[31mred", "\u{fffd}[31mred"),
            ("a\nb\tc", "a\u{fffd}b\u{fffd}c"),
            ("\u{9b}2J", "\u{fffd}2J"),
            ("\u{202e}cod.exe", "\u{fffd}cod.exe"),
            ("Ünïcödé 東京", "Ünïcödé 東京"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }

    #[test]
    fn json_speaks_to_programs_alone() {
        let value = json!({"a": "\u{1b}[31m\u{9b}2J\u{7f}\u{202e}\n\\u009b\"é"});
        let text = escaped(&value);
        assert!(text.chars().all(|c| !is_odd(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
    }

    #[test]
    fn tables_line_up() {
        let shown = table(["A", "LONGER"], vec![["x".into(), "y\u{1b}".into()]]);
        let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
        assert_eq!(lines, [" A  LONGER", " x  y\u{fffd}"]);
    }
}
