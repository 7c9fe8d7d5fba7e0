//! What is answered, in a form in which the reference and a backend are compared: by names in the place of
//! ids, and with data shown.

use serde_json::{Map, Value};
use session_core::{
    Applied, BackendError, BackendErrorKind, Created, Data, EndedBy, Found, SessionData, Timestamp,
    Updated,
};

use super::step::Name;

/// A session with its data, apart from each other: the record's own `Debug` leaves data out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    pub(super) record: SessionData,
    pub(super) data: Map<String, Value>,
}

impl Whole {
    pub(super) fn of(session: &SessionData) -> Self {
        let data = session.data.as_map().clone();
        Self { record: SessionData { data: Data::new(), ..session.clone() }, data }
    }
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    Nothing,
    Live { session: Whole, token_seen: bool },
    Grace { session: Whole, until: Timestamp },
    Ended { session: Name, how: EndedBy, at: Timestamp, successor_seen: bool },
}

impl Seen {
    pub(super) fn of(found: Option<&Found>) -> Self {
        match found {
            None => Self::Nothing,
            Some(Found::Live { session, token_seen }) => {
                Self::Live { session: Whole::of(session), token_seen: *token_seen }
            }
            Some(Found::Grace { session, until }) => {
                Self::Grace { session: Whole::of(session), until: *until }
            }
            Some(Found::Ended { id, how, at, successor_seen }) => Self::Ended {
                session: Name::of(id),
                how: *how,
                at: *at,
                successor_seen: *successor_seen,
            },
        }
    }
}

/// What a step is answered, or has to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// There is nothing to say.
    Done,
    Created {
        session: Box<Whole>,
        /// In the order of their ids.
        evicted: Vec<Name>,
        replaced: bool,
    },
    /// Without the sessions that ended with it.
    Updated(Updated),
    /// With these, in the order of their ids.
    Ending(Applied, Vec<Name>),
    Removed(bool),
    Sessions(Vec<Name>),
    /// By an error of this kind; of the reference's, by any of these.
    Refused(Vec<BackendErrorKind>),
}

impl Answer {
    pub(super) fn refused(error: &BackendError) -> Self {
        Self::Refused(vec![error.kind()])
    }

    pub(super) fn created(created: &Created) -> Self {
        let mut evicted = names(&created.evicted);
        evicted.sort_unstable();
        Self::Created {
            session: Box::new(Whole::of(&created.session)),
            evicted,
            replaced: created.replaced,
        }
    }

    pub(super) fn updated(updated: Updated) -> Self {
        match updated {
            Updated::Applied(mut applied) => {
                let ended = names(&std::mem::take(&mut applied.ended));
                Self::Ending(applied, ended)
            }
            other => Self::Updated(other),
        }
    }

    /// Whether this, which is the reference's, allows what the backend said.
    pub(super) fn allows(&self, said: &Self) -> bool {
        match (self, said) {
            (Self::Refused(any), Self::Refused(kinds)) => {
                kinds.iter().all(|kind| any.contains(kind))
            }
            _ => self == said,
        }
    }
}

pub(super) fn names(ids: &[session_core::SessionId]) -> Vec<Name> {
    ids.iter().map(Name::of).collect()
}
