//! [`Live`]: the session that a request has, and the token that stands for it.

use std::sync::Arc;

use crate::backend::SessionRef;
use crate::data::Data;
use crate::error::Error;
use crate::patch::Patch;
use crate::record::SessionData;
use crate::token::{SessionToken, TokenHash};

/// A session that is there, as this request knows it.
#[derive(Clone)]
pub(super) struct Live {
    /// As it was read, data and version too.
    pub(super) session: Arc<SessionData>,
    /// The data, as this request last heard of it.
    pub(super) data: Data,
    /// What this request has saved and `data` does not show yet: see [`settle`](Self::settle).
    pub(super) saved: Patch,
    /// The data's version, as this request last heard of it.
    pub(super) version: u64,
    pub(super) token: Token,
    pub(super) hash: TokenHash,
    /// Whether the token is the current one, as far as is known; else it is in grace.
    pub(super) current: bool,
    /// Whether the backend knows that a browser has the token.
    pub(super) seen: bool,
    /// Whether the request's agent is a newer one of the kind that is stored.
    pub(super) newer_agent: bool,
    /// Whether the data is what the backend held at this version. Not so if another request has
    /// written since it was read: this one's own writes are then on top of something older.
    pub(super) is_exact: bool,
    /// Whether its token was issued to a program, which is handed it in a body.
    pub(super) as_bearer: bool,
}

impl Live {
    /// As the backend found it.
    pub(super) fn found(
        session: Arc<SessionData>,
        token: Token,
        hash: TokenHash,
        state: FoundAs,
    ) -> Self {
        let (data, version) = (session.data.clone(), session.version);
        let (saved, newer_agent, is_exact, as_bearer) = (Patch::new(), false, true, false);
        let (current, seen) = match state {
            FoundAs::Current { seen } => (true, seen),
            FoundAs::InGrace => (false, true),
        };
        Self {
            session,
            data,
            saved,
            version,
            token,
            hash,
            current,
            seen,
            newer_agent,
            is_exact,
            as_bearer,
        }
    }

    /// With a token that this request issued.
    pub(super) fn issued(session: Arc<SessionData>, minted: Minted) -> Self {
        let Minted { token, hash, as_bearer } = minted;
        let issued = Token::Issued(token);
        Self { as_bearer, ..Self::found(session, issued, hash, FoundAs::Current { seen: false }) }
    }

    /// The same token's session, as the backend holds it now.
    pub(super) fn read_anew(&self, session: Arc<SessionData>, state: FoundAs) -> Self {
        let Self { newer_agent, as_bearer, .. } = *self;
        Self {
            newer_agent,
            as_bearer,
            ..Self::found(session, self.token.clone(), self.hash, state)
        }
    }

    /// Whether its token came with the request.
    pub(super) const fn is_presented(&self) -> bool {
        matches!(self.token, Token::Presented(_))
    }

    /// Whether this is the first request that presents its token.
    pub(super) const fn is_first(&self) -> bool {
        !self.seen && self.current && self.is_presented()
    }

    /// Puts into the data what this request has saved. Late, because most requests save at their end, and
    /// nobody looks at the data after that: it would be copied for nothing.
    pub(super) fn settle(&mut self) {
        if !self.saved.is_empty() {
            std::mem::take(&mut self.saved).apply(&mut self.data);
        }
    }

    /// The record for somebody who may look at all of it: with the data that is held here, and not shared
    /// with the backend if that keeps its data as text, where what was read of it would stay.
    pub(super) fn shown(&mut self) -> Arc<SessionData> {
        self.settle();
        if self.session.version != self.version || self.session.data.is_packed() {
            let _ = self.data.as_map();
            let session = Arc::make_mut(&mut self.session);
            session.data = self.data.clone();
            session.version = self.version;
        }
        self.session.clone()
    }

    pub(super) fn reference(&self) -> SessionRef {
        SessionRef {
            id: self.session.id,
            token: Some(self.hash),
            user: self.session.user_id.clone(),
        }
    }
}

/// A token for a browser that does not have it yet, and its hash, which is made once.
pub(super) struct Minted {
    pub(super) token: SessionToken,
    pub(super) hash: TokenHash,
    /// Whether it is a program's, asked for without having one: see [`Live::as_bearer`].
    pub(super) as_bearer: bool,
}

impl Minted {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self::from(SessionToken::generate()?))
    }
}

impl From<SessionToken> for Minted {
    fn from(token: SessionToken) -> Self {
        Self { hash: token.hash(), token, as_bearer: false }
    }
}

/// What a token that is good was found to be.
#[derive(Clone, Copy)]
pub(super) enum FoundAs {
    Current { seen: bool },
    InGrace,
}

/// The token that stands for a session.
#[derive(Clone)]
pub(super) enum Token {
    /// One that the request presented.
    Presented(SessionToken),
    /// One that this request issued.
    Issued(SessionToken),
}
