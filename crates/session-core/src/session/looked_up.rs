//! What was found of the tokens that a request brings.

use super::{Loaded, Past, State};
use crate::backend::{EndedBy, SessionRef};
use crate::clock::Timestamp;
use crate::dead_token::DeadToken;
use crate::id::SessionId;
use crate::lifecycle::Absence;
use crate::token::TokenHash;
use crate::visitor::Visitor;

/// What was found of a request's tokens.
pub(super) struct LookedUp {
    pub(super) loaded: Loaded,
    pub(super) past: Option<Box<Past>>,
    pub(super) visitor: Option<Box<Visitor>>,
}

impl LookedUp {
    pub(super) const fn without(absence: Absence) -> Self {
        Self { loaded: Loaded::Without(absence), past: None, visitor: None }
    }
}

impl From<Loaded> for LookedUp {
    fn from(loaded: Loaded) -> Self {
        Self { loaded, past: None, visitor: None }
    }
}

impl State {
    pub(super) fn found(&mut self, found: LookedUp) {
        (self.loaded, self.past) = (found.loaded, found.past);
        self.visitor = found.visitor;
        self.size = None;
    }
}

/// The dead tokens of a request.
#[derive(Default)]
pub(super) struct Dead {
    pub(super) past: Option<Box<Past>>,
    pub(super) is_followed: bool,
}

impl Dead {
    pub(super) fn add(
        &mut self,
        id: SessionId,
        hash: TokenHash,
        token: DeadToken,
        arrived: Timestamp,
    ) {
        // Of several one followed is enough.
        self.is_followed |= token.is_followed(arrived);
        let past = self.past.get_or_insert_default();
        if past.ended.is_none_or(|ended| ended.at < token.ended.at) {
            past.ended = Some(token.ended);
        }
        if token.ended.how == EndedBy::Replaced {
            past.session = Some(SessionRef { id, token: Some(hash), user: None });
        }
    }
}
