//! The [`Buffer`] of writes that the backend has not seen yet.

use std::ops::Deref;
use std::sync::Arc;

use crate::patch::Patch;

/// A patch that is copied only when somebody writes while an operation holds it, and that costs
/// nothing as long as nobody writes at all.
#[derive(Clone, Default)]
pub(super) struct Buffer(Option<Arc<Patch>>);

static EMPTY: Patch = Patch::new();

impl Deref for Buffer {
    type Target = Patch;

    fn deref(&self) -> &Patch {
        self.0.as_deref().unwrap_or(&EMPTY)
    }
}

impl Buffer {
    pub(super) fn write(&mut self) -> &mut Patch {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Takes out what was saved; what was written meanwhile stays.
    pub(super) fn subtract(&mut self, saved: &Self) {
        match (&mut self.0, &saved.0) {
            (Some(now), Some(saved)) if !Arc::ptr_eq(now, saved) => {
                Arc::make_mut(now).subtract(saved);
            }
            (Some(_), Some(_)) => self.0 = None,
            (None, _) | (_, None) => {}
        }
    }
}
