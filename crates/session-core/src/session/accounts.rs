//! The accounts of a browser: which slot this request is for, who is signed in in the others, and the end of
//! them all.

use super::Session;
use super::load::Request;
use super::turn::Turn;
use crate::accounts::Accounts;
use crate::backend::{EndedBy, Found};
use crate::client::fingerprint::MismatchAction;
use crate::client::verdict::Verdict;
use crate::cookie::CookieRules;
use crate::error::Error;
use crate::expiry;
use crate::id::UserId;
use crate::lifecycle::Refusal;
use crate::token::{SessionToken, TokenHash};

/// Somebody who is signed in in this browser.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The number of the slot.
    pub slot: u8,
    /// Who is signed in there.
    pub user_id: UserId,
    /// Whether it is the slot of this request.
    pub is_current: bool,
}

impl Session {
    /// The number of the slot that this request is for; 0 if the layer has none. See
    /// [`AccountSlots`](crate::AccountSlots).
    #[must_use]
    pub fn slot(&self) -> u8 {
        self.inner.slot
    }

    /// Who is signed in in each slot of this browser, by the slots' numbers: for a switcher. One read for each
    /// cookie of another slot that came, and none for this request's own. To add an account, send the user to
    /// sign in in a slot that is not listed.
    ///
    /// It only looks: no session is used, slid or ended. A slot whose cookie is dead, refused by its
    /// fingerprint, or ambiguous is not listed. A request that brings a bearer has its own account and no
    /// other.
    ///
    /// # Errors
    /// The backend's, also if an outage was told to go on as a visitor.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let _turn = self.turn().await?;
        if self.unsettled().refusal() == Some(Refusal::BackendFailed) {
            // Nobody knows, and that is not "nobody".
            return Err(Error::not_loaded());
        }
        let own = self.slot();
        let mut accounts = Vec::new();
        if let Some(user_id) = self.user_id() {
            accounts.push(Account { slot: own, user_id, is_current: true });
        }
        for (slot, rules) in self.other_slots() {
            if let Some(user_id) = self.signed_in_at(rules).await? {
                accounts.push(Account { slot, user_id, is_current: false });
            }
        }
        accounts.sort_unstable_by_key(|account| account.slot);
        Ok(accounts)
    }

    /// [`logout`](Self::logout) in every slot: ends every live session whose token this browser presented,
    /// whatever slot it is of, and removes each cookie that came; returns how many sessions it ended. Without
    /// slots, and for a bearer, it is `logout`.
    ///
    /// It ends this browser's sessions and no other's: for all of a user's, there is
    /// [`logout_all`](Self::logout_all).
    ///
    /// # Errors
    /// The backend's. Some of the sessions may have ended all the same; the cookies of those that did are
    /// removed, and the others are left alone.
    ///
    /// # Cancellation
    /// As [`logout`](Self::logout); slots that were not reached go on.
    pub async fn logout_all_slots(&self) -> Result<usize, Error> {
        self.or_stay_out(async {
            let mut turn = self.turn().await?;
            let mut ended = self.end_this(&mut turn).await?;
            ended += Box::pin(self.end_other_slots(&mut turn)).await?;
            Ok(ended)
        })
        .await
    }

    async fn end_other_slots(&self, turn: &mut Turn<'_>) -> Result<usize, Error> {
        let Some(request) = self.request() else { return Ok(0) };
        let mut ended = 0;
        for (slot, rules) in self.other_slots() {
            let presented = request.presented(rules);
            if !presented.named {
                continue;
            }
            let hash = |token: &&[u8; _]| SessionToken::from_lower_hex(token).hash();
            let hashes: Vec<TokenHash> = presented.tokens.iter().map(hash).collect();
            ended += self.end_presented(turn, &hashes, EndedBy::SignedOut, true).await?;
            self.unsettled().cleared |= 1 << slot;
        }
        Ok(ended)
    }

    /// The rules of the cookie that this request's token comes in. A program's token is signed as that of
    /// slot 0, whatever path it asks for.
    pub(super) fn rules(&self) -> &CookieRules {
        let own = match self.inner.slot {
            0 => None,
            _ if self.is_bearer() => None,
            slot => self.inner.transport.slots().and_then(|slots| slots.cookie(slot)),
        };
        own.unwrap_or(&self.inner.store.settings().cookie)
    }

    /// The other slots whose cookies may be read: none for a bearer, beside which no cookie is.
    fn other_slots(&self) -> impl Iterator<Item = (u8, &CookieRules)> {
        let own = self.slot();
        let slots = self.inner.transport.slots().filter(|_| !self.is_bearer());
        slots.into_iter().flat_map(Accounts::cookies).filter(move |(slot, _)| *slot != own)
    }

    async fn signed_in_at(&self, rules: &CookieRules) -> Result<Option<UserId>, Error> {
        let Some(request) = self.request() else { return Ok(None) };
        let store = &self.inner.store;
        let mut signed_in: Option<UserId> = None;
        for token in request.candidates(rules).iter() {
            let hash = SessionToken::from_lower_hex(token).hash();
            let now = store.now();
            let session = match store.call(store.backend().find(&hash, now)).await? {
                Some(Found::Live { session, .. } | Found::Grace { session, .. }) => session,
                Some(Found::Ended { .. }) | None => continue,
            };
            let is_live = expiry::end(store.settings(), &session) > now;
            if !is_live || !self.may_be_seen_by(&session, request) {
                continue;
            }
            // Boxed: few accounts are an impersonation's.
            if session.impersonator.is_some() && !Box::pin(self.goes_on(&session)).await? {
                continue;
            }
            match (&signed_in, &session.user_id) {
                (None, Some(user)) => signed_in = Some(user.clone()),
                (Some(one), Some(other)) if one == other => {}
                // A visitor's session, or two that are ambiguous.
                (_, None) | (Some(_), Some(_)) => return Ok(None),
            }
        }
        Ok(signed_in)
    }

    /// Whether the browser may use a session, if it asked for that one.
    fn may_be_seen_by(&self, session: &crate::SessionData, request: &Request) -> bool {
        self.is_known_browser(session, request)
            || self.verdict(session, request) != Verdict::Mismatch
            || self.inner.store.config().on_fingerprint_mismatch == MismatchAction::Report
    }
}
