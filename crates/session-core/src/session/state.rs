//! What a handle knows of its session, and what it makes of each answer.

use serde_json::Value;

use super::buffer::Buffer;
use super::live::Live;
use super::{Loaded, Past, State};
use crate::data::Data;
use crate::lifecycle::{Absence, Refusal};

impl State {
    /// Before somebody looks at the data: see [`Live::settle`].
    pub(super) fn settle(&mut self) {
        if let Loaded::With(live) = &mut self.loaded {
            live.settle();
        }
    }

    pub(super) fn stored(&self) -> Data {
        match &self.loaded {
            Loaded::With(live) => live.data.clone(),
            Loaded::Without(_) => Data::new(),
        }
    }

    /// What is under a key, as this request sees it.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        match (self.buffer.get(key), &self.loaded) {
            (Some(buffered), _) => buffered,
            (None, Loaded::With(live)) => live.data.get(key),
            (None, Loaded::Without(_)) => None,
        }
    }

    pub(super) fn signed_in(&self) -> bool {
        matches!(&self.loaded, Loaded::With(live) if live.session.is_authenticated())
    }

    /// Why nothing may be stored.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.loaded {
            Loaded::Without(Absence::Refused(refusal)) => Some(refusal),
            Loaded::Without(_) | Loaded::With(_) => None,
        }
    }

    /// There is no session any more.
    pub(super) fn leave(&mut self, absence: Absence) {
        if let Loaded::With(live) = &self.loaded {
            self.had_user |= live.session.is_authenticated();
            if matches!(absence, Absence::Refused(Refusal::Ended)) {
                self.past = Some(Box::new(Past { ended: None, session: Some(live.reference()) }));
            }
        }
        self.loaded = Loaded::Without(absence);
        self.size = None;
    }

    pub(super) fn forget_buffer(&mut self) {
        self.buffer = Buffer::default();
        self.size = None;
    }

    /// Takes out of the buffer what was saved; what was written meanwhile stays.
    pub(super) fn saved(&mut self, saved: &Buffer) {
        self.buffer.subtract(saved);
        self.size = None;
    }

    /// Takes in what the backend answered.
    pub(super) fn replace(&mut self, live: Live) {
        if let Loaded::With(before) = &self.loaded {
            self.had_user |= before.session.is_authenticated();
        }
        self.loaded = Loaded::With(live);
        self.past = None;
        self.size = None;
        self.unanswered = None;
    }
}
