//! PostgreSQL's wire protocol, as far as telling what a client asks for:
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::collections::HashMap;

/// What one client has asked for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The text of every statement that was executed.
    pub(crate) statements: Vec<String>,
    /// How often an answer to a statement, or to its preparation, had to be waited for: each Sync
    /// behind one and each simple query ends with one.
    pub(crate) round_trips: u32,
    /// Syncs behind nothing at all: they ask whether the connection lives.
    pub(crate) pings: u32,
    /// Statements that were parsed. Prepared once, they are not parsed again.
    pub(crate) parsed: u32,
}

/// Follows what one client sends.
#[derive(Debug, Default)]
pub(crate) struct Frontend {
    buffer: Vec<u8>,
    /// Before its first message proper a client sends one or two without a type.
    started: bool,
    prepared: HashMap<String, String>,
    bound: HashMap<String, String>,
    /// Whether anything was asked for since the last Sync.
    busy: bool,
    pub(crate) asked: Asked,
}

/// The number in a start-up message that asks for version 3 of the protocol; others ask for TLS.
const VERSION_3: [u8; 2] = [0, 3];

impl Frontend {
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while let Some(message) = self.next() {
            if self.started {
                self.follow(message[0], &message[5..]);
            } else {
                self.started = message[4..6] == VERSION_3;
            }
        }
    }

    /// The next whole message, its type and its length included.
    fn next(&mut self) -> Option<Vec<u8>> {
        let kind = usize::from(self.started);
        let length: [u8; 4] = self.buffer.get(kind..kind + 4)?.try_into().ok()?;
        let end = kind + u32::from_be_bytes(length) as usize;
        (self.buffer.len() >= end).then(|| self.buffer.drain(..end).collect())
    }

    fn follow(&mut self, kind: u8, body: &[u8]) {
        let was_busy = std::mem::replace(&mut self.busy, !matches!(kind, b'S' | b'Q'));
        let mut texts = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut text = || texts.next().unwrap_or_default().into_owned();
        match kind {
            b'P' => {
                self.asked.parsed += 1;
                let (name, statement) = (text(), text());
                self.prepared.insert(name, statement);
            }
            b'B' => {
                let (portal, name) = (text(), text());
                let statement = self.prepared.get(&name).cloned().unwrap_or_default();
                self.bound.insert(portal, statement);
            }
            b'E' => {
                let statement = self.bound.get(&text()).cloned().unwrap_or_default();
                self.asked.statements.push(statement);
            }
            b'Q' => {
                self.asked.statements.push(text());
                self.asked.round_trips += 1;
            }
            b'S' if was_busy => self.asked.round_trips += 1,
            b'S' => self.asked.pings += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [kind.as_bytes(), &length, body].concat()
    }

    #[test]
    fn what_a_client_asks_for_is_told() {
        let sent = [
            message("", &[4, 210, 22, 47]),
            message("", b"\0\x03\0\0user\0me\0\0"),
            message("P", b"s1\0SELECT 1\0\0\0"),
            message("S", b""),
            message("B", b"\0s1\0\0\0\0\0\0\0"),
            message("E", b"\0\0\0\0\0"),
            message("S", b""),
            message("S", b""),
            message("Q", b"BEGIN\0"),
            message("X", b""),
        ]
        .concat();
        for size in [1, 7, sent.len()] {
            let mut frontend = Frontend::default();
            sent.chunks(size).for_each(|chunk| frontend.read(chunk));
            let expected = Asked {
                statements: vec!["SELECT 1".to_owned(), "BEGIN".to_owned()],
                round_trips: 3,
                pings: 1,
                parsed: 1,
            };
            assert_eq!(frontend.asked, expected, "{size}");
        }
    }
}
