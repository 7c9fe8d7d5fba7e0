//! A visitor without a row: what they stored is in their cookie, is opened when the request is loaded, and is
//! sealed anew when its response is decided.

use super::buffer::Buffer;
use super::load::Request;
use super::turn::Told;
use super::{Cookie, Loaded, Session, State};
use crate::client::fingerprint::MismatchAction;
use crate::client::meta::SessionMeta;
use crate::client::verdict::{self, Verdict};
use crate::clock::Timestamp;
use crate::cookie::Sealing;
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::lifecycle::Absence;
use crate::patch::Patch;
use crate::settings::Settings;
use crate::visitor::{Keeping, Kept, Visitor};

impl Session {
    /// What the request's cookie holds of a visitor's, if it is whole, ours, has not expired, and comes from
    /// the kind of browser that it was given to. Of several the one that was sealed last counts. Anything
    /// else is a visitor without data, and no error.
    pub(super) fn open_visitor(
        &self,
        request: &Request,
        tell: &mut impl FnMut(Told),
    ) -> Option<Box<Visitor>> {
        let settings = self.inner.store.settings();
        let sealing = self.seals()?;
        let now = self.inner.store.now();
        let texts = sealing.open(&settings.cookie, request.cookies());
        let visitors = texts.iter().filter_map(|text| Visitor::read(text, settings, now));
        let visitor = visitors.reduce(Visitor::or_later)?;
        is_same_browser(settings, &visitor, request.meta(), tell).then(|| Box::new(visitor))
    }

    /// How visitors' data is sealed, if a request that has no session for this reason has it in its cookie.
    pub(super) fn sealing(&self, absence: Absence) -> Option<&Sealing> {
        match absence {
            Absence::Visitor | Absence::SignedOut => self.seals(),
            Absence::Refused(_) => None,
        }
    }

    /// How visitors' data is sealed, if this request's may be. A program has no cookie; and what is sealed is
    /// bound to the first slot's name, so that accounts never mix: in the others a visitor has a row.
    fn seals(&self) -> Option<&Sealing> {
        let sealing = self.inner.store.settings().sealing()?;
        (self.inner.slot == 0 && !self.is_bearer()).then_some(sealing)
    }

    /// Takes this into the visitor's data, which the response's cookie tells. `buffered` is what of it came
    /// out of the buffer.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) if it does not fit into a cookie; nothing is changed.
    pub(super) fn keep(
        &self,
        state: &mut State,
        sealing: &Sealing,
        (changed, buffered): (&Buffer, &Buffer),
        now: Timestamp,
    ) -> Result<(), Error> {
        let settings = self.inner.store.settings();
        let mut data = state.stored();
        changed.apply(&mut data);
        let before = state.visitor.as_deref();
        let lifetime = changed.lifetime();
        let is_visitor = matches!(state.loaded, Loaded::Without(Absence::Visitor));
        let saves_all = settings.config.save_unchanged && is_visitor;
        let keeping = Keeping { settings, sealing, meta: self.meta(), saves_all };
        match Visitor::keep(before, data, lifetime, keeping, now) {
            Kept::AsItIs => {}
            Kept::Told(visitor) => state.visitor = Some(visitor),
            Kept::Removed => {
                state.visitor = None;
                state.cookie = Cookie::Remove;
            }
            Kept::TooLarge => return Err(Error::from_kind(ErrorKind::TooLarge)),
        }
        state.stored_of(buffered);
        Ok(())
    }

    /// The most bytes of data that the session of this request may have.
    pub(super) fn max_data(&self, state: &State) -> usize {
        let settings = self.inner.store.settings();
        match (&state.loaded, self.seals()) {
            (Loaded::Without(_), Some(sealing)) => settings.max_sealed(sealing, self.meta()),
            _ => settings.max_data(state.signed_in()),
        }
    }
}

impl State {
    /// A visitor's data as a patch, to be carried by a sign-in.
    pub(super) fn visitors_patch(&self) -> Patch {
        let mut patch = Patch::new();
        if let Some(visitor) = &self.visitor {
            for (key, value) in visitor.record().data.iter() {
                patch.set(key, value.clone());
            }
        }
        patch
    }
}

/// Compared as a session's browser is. A mismatch that is not only reported leaves the request without the
/// data, and its user in peace: there is nobody who could be signed out.
fn is_same_browser(
    settings: &Settings,
    visitor: &Visitor,
    meta: &SessionMeta,
    tell: &mut impl FnMut(Told),
) -> bool {
    let config = &settings.config;
    let record = visitor.record();
    if !config.validate_fingerprint {
        return true;
    }
    let verdict = verdict::check(
        config.fingerprint_mode,
        record.fingerprint.as_ref(),
        record.user_agent.as_deref(),
        meta.user_agent().as_deref(),
        || meta.fingerprint(),
    );
    let mut tell_of = |kind| tell(Told { kind, id: None, user: None });
    match verdict {
        Verdict::Match => true,
        Verdict::Unrecognised => {
            tell_of(EventKind::FingerprintUnrecognised);
            true
        }
        Verdict::Mismatch => {
            let action = config.on_fingerprint_mismatch;
            tell_of(EventKind::FingerprintMismatch(action));
            action == MismatchAction::Report
        }
    }
}
