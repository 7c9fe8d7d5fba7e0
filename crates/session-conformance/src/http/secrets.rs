//! Tokens and hashes must not show in logs, bodies and `Debug`: what was issued, and what was said.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use session_core::{SessionToken, TOKEN_TEXT_LEN};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::desk::lock;
use crate::backends::Tokens;

/// Bytes of a secret in a row that give it away.
const TELLING: usize = 8;

/// Every secret that a law met, and everything that was said while it ran.
#[derive(Default)]
pub(crate) struct Secrets {
    /// Each secret in pieces of [`TELLING`] bytes.
    pieces: Mutex<HashSet<[u8; TELLING]>>,
    said: Mutex<Vec<Line>>,
    /// What backends were given, whether a browser ever got the token or not.
    tokens: Mutex<Vec<Tokens>>,
}

/// One thing that was said.
struct Line {
    level: Option<Level>,
    text: String,
}

impl Secrets {
    pub(crate) fn token(&self, text: &str) {
        // A signature may follow.
        let text = text.get(..TOKEN_TEXT_LEN).unwrap_or(text);
        if let Some(token) = SessionToken::parse(text.as_bytes()) {
            self.bytes(&bytes_of_hex(text));
            self.bytes(token.hash().as_bytes());
        }
    }

    /// Every token that a backend is given.
    pub(crate) fn of_backend(&self, tokens: Tokens) {
        lock(&self.tokens).push(tokens);
    }

    fn bytes(&self, bytes: &[u8]) {
        lock(&self.pieces).extend(bytes.as_chunks::<TELLING>().0.iter().copied());
    }

    /// Something that must hold no secret.
    pub(crate) fn said(&self, text: impl Into<String>) {
        lock(&self.said).push(Line { level: None, text: text.into() });
    }

    /// What was logged at this level or a worse one.
    pub(crate) fn logged(&self, least: Level) -> Vec<String> {
        let said = lock(&self.said);
        // Levels are ordered by how much they say: ERROR is the smallest.
        let logged = said.iter().filter(|line| line.level.is_some_and(|level| level <= least));
        logged.map(|line| line.text.clone()).collect()
    }

    /// Panics if a secret was said.
    pub(crate) fn check(&self) {
        for hash in lock(&self.tokens).iter().flat_map(Tokens::all) {
            self.bytes(hash.as_bytes());
        }
        let pieces = lock(&self.pieces);
        for line in &*lock(&self.said) {
            let shown = spelled(&line.text)
                .into_iter()
                .any(|bytes| bytes.windows(TELLING).any(|piece| pieces.contains(piece)));
            assert!(!shown, "a token or its hash can be read in: {}", line.text);
        }
    }

    /// Whether the text shows a secret.
    #[cfg(test)]
    fn shows(&self, text: &str) -> bool {
        let pieces = lock(&self.pieces);
        spelled(text).into_iter().any(|b| b.windows(TELLING).any(|p| pieces.contains(p)))
    }
}

/// The bytes that a text spells: hexadecimal digits in a row, and lists of numbers.
fn spelled(text: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for digits in text.split(|c: char| !c.is_ascii_hexdigit()) {
        if digits.len() >= TELLING * 2 {
            found.push(bytes_of_hex(digits));
            // It may begin in the middle of a byte that is not ours.
            found.push(bytes_of_hex(&digits[1..]));
        }
    }
    let mut list = Vec::new();
    for item in text.split([',', '[', ']']).map(str::trim) {
        match item.parse::<u8>() {
            Ok(byte) => list.push(byte),
            Err(_) => found.push(std::mem::take(&mut list)),
        }
    }
    found.push(list);
    found
}

fn bytes_of_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().as_chunks::<2>().0.iter();
    let value = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit");
    pairs
        .map(|[high, low]| u8::try_from(value(*high) << 4 | value(*low)).expect("a byte"))
        .collect()
}

/// Writes down everything that is logged, every level and every target.
pub(crate) struct Listener(pub(crate) Arc<Secrets>);

impl Listener {
    fn note(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Text)) {
        let mut text = Text(format!("{} {}:", metadata.level(), metadata.target()));
        record(&mut text);
        lock(&self.0.said).push(Line { level: Some(*metadata.level()), text: text.0 });
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata(), |text| span.record(text));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = Text(String::new());
        values.record(&mut text);
        self.0.said(text.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata(), |text| event.record(text));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut error = Some(value);
        while let Some(cause) = error {
            let _ = write!(self.0, " {}={cause} {cause:?}", field.name());
            error = cause.source();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_seen() {
        let secrets = Secrets::default();
        let token = SessionToken::generate().unwrap();
        let text = token.expose();
        secrets.token(&text);
        let hash = token.hash();
        let bytes = hash.as_bytes();
        for (name, said, shown) in [
            ("the token", format!("token={text}"), true),
            ("in capitals", text.to_uppercase(), true),
            ("half of it", format!("{}…", &text[..32]), true),
            ("behind another digit", format!("a{text}"), true),
            ("the hash as a list", format!("hash={bytes:?}"), true),
            ("the hash over lines", format!("hash={bytes:#?}"), true),
            ("a few digits", text[..8].to_owned(), false),
            ("another token", SessionToken::generate().unwrap().expose(), false),
            ("redacted", format!("{token:?} {hash:?}"), false),
        ] {
            assert_eq!(secrets.shows(&said), shown, "{name}");
        }
    }
}
