//! What a request has written, and the backend has not seen yet: [`Buffer`].

use std::ops::{Deref, DerefMut};

use super::Live;
use crate::lifetime::Lifetime;
use crate::patch::Patch;

/// Changes to the data, and a lifetime. Cheap to clone: clones share the changes.
#[derive(Clone, Default)]
pub(super) struct Buffer {
    patch: Patch,
    /// Rare.
    lifetime: Option<Box<Lifetime>>,
}

impl Buffer {
    pub(super) fn lifetime(&self) -> Option<Lifetime> {
        self.lifetime.as_deref().copied()
    }

    pub(super) fn set_lifetime(&mut self, lifetime: Lifetime) {
        self.lifetime = Some(Box::new(lifetime));
    }

    /// The changes to the data.
    pub(super) const fn patch(&self) -> &Patch {
        &self.patch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.patch.is_empty() && self.lifetime.is_none()
    }

    /// Takes out what changes nothing in this session; whether there was anything.
    pub(super) fn leave_out_unchanged(&mut self, live: &Live) -> bool {
        let lives_so_already = self.lifetime() == Some(live.session.lifetime());
        if lives_so_already {
            self.lifetime = None;
        }
        self.patch.leave_out_unchanged(&live.data) || lives_so_already
    }

    /// Takes out what was saved; what was written meanwhile stays.
    pub(super) fn subtract(&mut self, saved: &Self) {
        self.patch.subtract(&saved.patch);
        if self.lifetime == saved.lifetime {
            self.lifetime = None;
        }
    }
}

impl Deref for Buffer {
    type Target = Patch;

    fn deref(&self) -> &Patch {
        &self.patch
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Patch {
        &mut self.patch
    }
}
