//! Programs: a session whose token came in `Authorization`, and the token that they are handed.

use super::load::Request;
use super::{Cookie, Loaded, Session, State, Token};
use crate::bearer::BearerToken;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::Plan;

impl Session {
    /// Whether the request brought its credential as `Authorization: Bearer`, good or not, to a layer that
    /// accepts it. Then no cookie was read, and none is set.
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.request().is_some_and(Request::is_bearer)
    }

    /// The token that this request issued to a program, for the body of its answer; once for each token.
    /// `None` if none was issued, if it was taken already, and if it goes out as a cookie.
    ///
    /// A token is issued by [`authenticate`](Self::authenticate), [`reauthenticate`](Self::reauthenticate)
    /// and [`rotate`](Self::rotate), and by [`save`](Self::save) after [`start_over`](Self::start_over). It
    /// goes to a program if the request brought a bearer, or if the sign-in was for one
    /// ([`SignIn::bearer`](crate::SignIn::bearer)):
    ///
    /// ```
    /// use session_core::{Error, Session, SignIn};
    ///
    /// async fn sign_in(session: &Session, user: &str) -> Result<String, Error> {
    ///     // … check the password …
    ///     session.authenticate_with(SignIn::new(user).bearer()).await?;
    ///     Ok(session.take_bearer_token().map(|token| token.expose().to_owned()).unwrap_or_default())
    /// }
    ///
    /// async fn rotate(session: &Session) -> Result<Option<String>, Error> {
    ///     session.rotate().await?;
    ///     // `None`: the token in hand is still good, or another request has the new one.
    ///     Ok(session.take_bearer_token().map(|token| token.expose().to_owned()))
    /// }
    /// ```
    ///
    /// One that nobody takes is lost, as the answer carries no cookie: the event
    /// [`TokenLost`](crate::EventKind::TokenLost) says so, and the program signs in again. The answer has
    /// `Cache-Control: no-store` (RFC 6750, section 5.3).
    #[must_use]
    pub fn take_bearer_token(&self) -> Option<BearerToken> {
        let is_bearer = self.is_bearer();
        let mut state = self.unsettled();
        if state.is_told || !state.issues_to_program(is_bearer) {
            return None;
        }
        let Loaded::With(live) = &state.loaded else { return None };
        // The application's last word was "out", and it failed.
        if state.stays_out && live.session.is_authenticated() {
            return None;
        }
        let (Token::Issued(token) | Token::Presented(token)) = &live.token;
        let text = self.inner.store.settings().cookie.value(token);
        state.is_told = true;
        Some(BearerToken::new(text))
    }

    /// Whether the layer accepts bearers.
    pub(super) fn accepts_bearer(&self) -> Result<(), Error> {
        if self.inner.transport.accepts_bearer() {
            return Ok(());
        }
        Err(Error::from_kind(ErrorKind::Misconfigured).with_context(
            "a sign-in asked for a bearer token, and the session layer accepts none: mount it with \
             `.bearer()`",
        ))
    }

    /// What the response asks of the backend for a request without a session. It makes none for a program,
    /// which could not be handed the token any more: that is what [`save`](Self::save) is for.
    pub(super) fn plan_of_response(&self, plan: Plan, is_empty: bool) -> Plan {
        match plan {
            Plan::Create if !self.is_bearer() => plan,
            Plan::Create if is_empty => Plan::Nothing,
            Plan::Create => Plan::Refuse(ErrorKind::LateWrite),
            plan => plan,
        }
    }
}

impl State {
    /// Whether a token was issued that goes to a program, taken or not.
    pub(super) fn issues_to_program(&self, is_bearer: bool) -> bool {
        let Loaded::With(live) = &self.loaded else { return false };
        self.cookie == Cookie::Issue && (is_bearer || live.as_bearer)
    }
}
