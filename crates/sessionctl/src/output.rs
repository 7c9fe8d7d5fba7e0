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
    pub(crate) fn answer(&self, text: impl FnOnce() -> String, value: &Value) {
        let answer = if self.json { value.to_string() } else { text() };
        // Whoever reads it may have gone, as in `sessionctl list ann | head -1`.
        let _ = writeln!(anstream::stdout(), "{}", answer.trim_end());
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let mut out = anstream::stderr();
        let message = plain(&failure.message);
        let _ = if self.json {
            let error = json!({"error": {"kind": failure.kind.name(), "message": message}});
            writeln!(out, "{error}")
        } else {
            let red = RED;
            writeln!(out, "{red}error:{red:#} {message}")
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
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
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
    fn tables_line_up() {
        let shown = table(["A", "LONGER"], vec![["x".into(), "y\u{1b}".into()]]);
        let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
        assert_eq!(lines, [" A  LONGER", " x  y\u{fffd}"]);
    }
}
