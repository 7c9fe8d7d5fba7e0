//! The other sessions whose tokens a request presented, and how they end with it.

use super::turn::{Told, Turn};
use super::{Loaded, Session, Token};
use crate::backend::{EndedBy, Found, SessionRef};
use crate::dead_token::{DeadToken, Ended};
use crate::error::Error;
use crate::event::EventKind;
use crate::token::{SessionToken, TokenHash};

/// What a request sends under our cookie's name.
#[derive(Default)]
pub(super) struct PresentedTokens {
    /// The hashes of the different tokens that may be ours, sixteen at most.
    pub(super) hashes: Vec<TokenHash>,
    /// Whether any cookie of our name was sent, well-formed or not.
    pub(super) named: bool,
}

impl Session {
    pub(super) fn presented(&self) -> PresentedTokens {
        let Some(request) = self.request() else { return PresentedTokens::default() };
        let presented = request.presented(self.rules());
        let state = self.unsettled();
        // That of the session that is there was made when it was loaded.
        let known = match &state.loaded {
            Loaded::With(live) => match &live.token {
                Token::Presented(token) => Some((token, live.hash)),
                Token::Issued(_) => None,
            },
            Loaded::Without(_) => None,
        };
        let hash = |token: &&[u8; _]| {
            let token = SessionToken::from_lower_hex(token);
            match known {
                Some((known, hash)) if *known == token => hash,
                _ => token.hash(),
            }
        };
        PresentedTokens {
            hashes: presented.tokens.iter().map(hash).collect(),
            named: presented.named,
        }
    }

    /// Ends every live session that one of these tokens stands for, and if `or_renewed` also the one that
    /// goes on under a token which it was given a moment ago in this one's place; how many it ended.
    pub(super) async fn end_presented(
        &self,
        turn: &mut Turn<'_>,
        tokens: &[TokenHash],
        how: EndedBy,
        or_renewed: bool,
    ) -> Result<usize, Error> {
        let store = &self.inner.store;
        let mut count = 0;
        for hash in tokens {
            let now = store.now();
            let (id, known, is_unseen) = match store.call(store.backend().find(hash, now)).await? {
                Some(Found::Live { session, token_seen }) => {
                    (session.id, Some(session), !token_seen)
                }
                Some(Found::Grace { session, .. }) => (session.id, Some(session), false),
                Some(Found::Ended { id, how: EndedBy::Rotated, at, successor_seen })
                    if or_renewed =>
                {
                    let token =
                        DeadToken { ended: Ended { how: EndedBy::Rotated, at }, successor_seen };
                    if !token.has_just_ended(now) {
                        continue;
                    }
                    (id, None, false)
                }
                Some(Found::Ended { .. }) | None => continue,
            };
            let user = known.as_ref().and_then(|session| session.user_id.clone());
            let target = SessionRef { id, token: Some(*hash), user };
            if let Some(session) = &known {
                if is_unseen {
                    Box::pin(self.mark(&target, session)).await;
                }
                // First, as at a sign-out of this request's session.
                if Box::pin(self.end_staff(turn, session, how)).await? {
                    count += 1;
                }
            }
            if store.call(store.backend().remove(&target, None, None, how, now)).await? {
                count += 1;
                turn.told().push(Told {
                    kind: EventKind::SignedOut,
                    id: Some(id),
                    user: target.user,
                });
            }
        }
        Ok(count)
    }
}
