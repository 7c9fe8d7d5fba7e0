//! What a handle knows of its session, and what it makes of each answer.

use serde_json::Value;

use super::buffer::Buffer;
use super::live::Live;
use super::{Loaded, Past, State};
use crate::data::Data;
use crate::lifecycle::{Absence, Refusal};
use crate::patch::Patch;

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
            Loaded::Without(_) => self
                .visitor
                .as_ref()
                .map(|visitor| visitor.record().data.clone())
                .unwrap_or_default(),
        }
    }

    /// What is under a key, as this request sees it.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        match self.buffer.get(key) {
            Some(buffered) => buffered,
            None => self.stored_value(key),
        }
    }

    /// What is stored under a key.
    pub(super) fn stored_value(&self, key: &str) -> Option<&Value> {
        match &self.loaded {
            Loaded::With(live) => live.data.get(key),
            Loaded::Without(_) => self.visitor.as_ref()?.record().data.get(key),
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
        self.visitor = None;
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

    /// The same, after the backend has seen it: messages are remembered, and those that were taken are not.
    pub(super) fn stored_of(&mut self, saved: &Buffer) {
        let flashes = saved.flashes();
        if self.left.is_some() || !flashes.is_empty() {
            let mut left = self.left_after(saved);
            left.extend(flashes);
            self.left = (!left.is_empty()).then(|| Box::new(left));
        }
        self.saved(saved);
    }

    /// The messages that this request has left and saved, and that the buffer has not taken.
    pub(super) fn left_after(&self, buffer: &Patch) -> Patch {
        let mut left = Patch::new();
        let saved = self.left.iter().flat_map(|left| left.sets());
        for (key, value) in saved.filter(|(key, _)| !matches!(buffer.get(key), Some(None))) {
            left.set(key, value.clone());
        }
        left
    }

    /// Puts back the messages of a buffer that goes with its session, and those that were saved into it: they
    /// are for the page after, if what follows the session may store them.
    pub(super) fn keep_flashes(&mut self, gone: &Buffer) {
        let mut flashes = self.left_after(gone);
        flashes.extend(gone.flashes());
        if !flashes.is_empty() && self.refusal().is_none() {
            // What was written since then comes later.
            flashes.extend(std::mem::take(&mut *self.buffer));
            *self.buffer = flashes;
            self.size = None;
        }
    }

    /// Takes in what the backend answered.
    pub(super) fn replace(&mut self, live: Live) {
        if let Loaded::With(before) = &self.loaded {
            self.had_user |= before.session.is_authenticated();
        }
        self.loaded = Loaded::With(live);
        self.past = None;
        self.visitor = None;
        self.size = None;
        self.unanswered = None;
    }
}
