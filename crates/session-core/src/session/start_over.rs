//! Going on as a visitor: [`Session::start_over`].

use super::turn::Turn;
use super::{Loaded, Session};
use crate::backend::EndedBy;
use crate::error::Error;
use crate::event::EventKind;
use crate::lifecycle::{Absence, Refusal};

impl Session {
    /// Makes a request that may not store anything a visitor's, so that what it stores makes a new
    /// session: for a sign-in page, which must work whatever cookie came. On any other request it changes
    /// nothing, so such a page may always call it.
    ///
    /// - Several live sessions that were presented at once end, or the browser would stay ambiguous.
    /// - If an outage kept the session from being loaded, it is looked up once more.
    /// - What was buffered for a session that ended meanwhile is dropped, with an event.
    ///
    /// Another site can make a browser send a request to a page that calls this, and so sign its user out:
    /// it belongs behind a cross-site check. So may a tab of the application's own, that calls it
    /// while another one changes the token: the new cookie is then replaced. A page that stores nothing
    /// does not need it, and neither does [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    /// The backend's; [`LateWrite`](crate::ErrorKind::LateWrite) after the response was decided.
    ///
    /// # Cancellation
    /// A dropped call may have ended some of several sessions that were presented.
    pub async fn start_over(&self) -> Result<(), Error> {
        // Most sign-in pages meet a visitor.
        if self.unsettled().refusal().is_none() {
            return Ok(());
        }
        let mut turn = self.turn().await?;
        self.not_decided()?;
        if self.unsettled().refusal() == Some(Refusal::BackendFailed) {
            Box::pin(self.look_up_again(turn.told())).await?;
        }
        // Bound, so that the lock is not held on to.
        let refusal = self.unsettled().refusal();
        let Some(refusal) = refusal else { return Ok(()) };
        if refusal == Refusal::Ambiguous {
            let tokens = self.presented().hashes;
            self.end_presented(&mut turn, &tokens, EndedBy::Replaced, false).await?;
        }
        self.go_on_as_visitor(&mut turn);
        Ok(())
    }

    fn go_on_as_visitor(&self, turn: &mut Turn<'_>) {
        let mut state = self.unsettled();
        if !state.buffer.is_empty() {
            state.forget_buffer();
            turn.tell_of_no_session(EventKind::DataDroppedOnStartOver);
        }
        state.loaded = Loaded::Without(Absence::Visitor);
    }
}
