//! Flash messages: told once, on the next page that shows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Session;
use crate::error::{Error, ErrorKind};
use crate::id::SessionId;
use crate::patch::Patch;

/// Under what messages are stored: this, and the name of one message.
///
/// Each has a key of its own, so that parallel requests lose none of each other's.
const PREFIX: &str = "_flash.";

/// How a [`Flash`] message is meant. Written in lower case where it is stored, and for a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FlashLevel {
    /// Something to know.
    Info,
    /// Something was done.
    Success,
    /// Something to look at.
    Warning,
    /// Something was not done.
    Error,
}

impl FlashLevel {
    /// `info`, `success`, `warning` or `error`: a class for a style sheet.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for FlashLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that a page shows once: see [`Session::flash`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flash {
    /// How it is meant.
    pub level: FlashLevel,
    /// What it says, as it was given. A page escapes it like any other text.
    pub text: String,
}

impl Session {
    /// Leaves a message for the next page that takes it with [`take_flashes`](Self::take_flashes),
    /// nearly always behind a redirect. Buffered like [`set`](Self::set), and stored under a key that
    /// begins with `_flash.`, so it counts towards `max_data_bytes`, and [`keys`](Self::keys) shows it.
    ///
    /// What this request has left survives its sign-in and its sign-out, whichever comes first:
    ///
    /// ```
    /// # use session_core::{Error, FlashLevel, Session};
    /// # async fn sign_out(session: &Session) -> Result<(), Error> {
    /// session.flash(FlashLevel::Success, "You are signed out.")?;
    /// session.logout().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// At a sign-out it goes into a fresh anonymous session; at a sign-in into the new one, whatever
    /// [`SignIn::carry`](crate::SignIn::carry) says. A message that an earlier request stored, and nobody
    /// took, goes along as other data does.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn flash(&self, level: FlashLevel, text: impl Into<String>) -> Result<(), Error> {
        // Its time puts messages in order, and its random part keeps those of parallel requests apart.
        let id = SessionId::generate(self.inner.store.now())?;
        let mut key = format!("{PREFIX}{id}");
        // Behind what is there already, also if a server's clock is late.
        let last = self.keys().into_iter().filter(|key| key.starts_with(PREFIX)).max();
        if let Some(last) = last.filter(|last| *last >= key) {
            key = format!("{last}.{id}");
        }
        self.set(key, Flash { level, text: text.into() })
    }

    /// Takes the messages that were left, the oldest first; none is there again after this response.
    ///
    /// A response that fails (a 5xx or 408) keeps them for the next one. Two pages that are loaded at
    /// the same moment may both show one. Without a message nothing is written, and a visitor gets no
    /// session.
    ///
    /// # Errors
    /// [`LateWrite`](ErrorKind::LateWrite) if there is a message, and the response was decided.
    pub fn take_flashes(&self) -> Result<Vec<Flash>, Error> {
        let mut keys = self.keys();
        keys.retain(|key| key.starts_with(PREFIX));
        // Maps have the order of their keys, unless an application lets `serde_json` preserve that of writes.
        keys.sort_unstable();
        let mut flashes = Vec::with_capacity(keys.len());
        for key in keys {
            match self.take(&*key) {
                Ok(flash) => flashes.extend(flash),
                // Something else under such a key is the application's own affair.
                Err(error) if error.kind() == ErrorKind::WrongType => {}
                Err(error) => return Err(error),
            }
        }
        Ok(flashes)
    }
}

impl Patch {
    /// The messages that this patch leaves, without everything else.
    pub(super) fn flashes(&self) -> Self {
        let mut flashes = Self::new();
        for (key, value) in self.sets().filter(|(key, _)| key.starts_with(PREFIX)) {
            flashes.set(key, value.clone());
        }
        flashes
    }
}
