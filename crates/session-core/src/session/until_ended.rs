//! For streams: the end of the request's session, awaited.

use super::Session;
use crate::record::SessionData;
use crate::store::UntilEnded;

impl Session {
    /// Resolves when the session that the request has now ends: for WebSockets and event streams, which
    /// must not go on when their user has signed out (law `stream_learns_of_the_end`).
    ///
    /// - At once, if this process ended it through this store or a clone: signed out, revoked, evicted,
    ///   or replaced by a sign-in. Within five seconds, if another server did, or if it expired; for this
    ///   all streams of the process share one look every three seconds.
    /// - One in which somebody acts in the user's place ([`impersonate`](Self::impersonate)) also when their
    ///   own session ends.
    /// - A session that gets another token (a rotation, a re-authentication) goes on, and so does the
    ///   stream.
    /// - A backend that fails ends no session: the stream stays, and the look is repeated.
    /// - It never resolves if the request has no session, or none yet: call it after the sign-in, or after
    ///   [`save`](Self::save) if the session is only in the buffer. A session that a later sign-in of this
    ///   request makes is another one.
    /// - A stream is no use of the session. One that only listens expires in time, unless other requests
    ///   are made.
    ///
    /// The future is `Send + 'static` and keeps nothing of the handle; it is good after the response.
    /// Dropping it leaves nothing. Outside of a tokio runtime it learns only of what this process ends.
    ///
    /// ```
    /// # use session_core::Session;
    /// # async fn next_message() -> Option<String> { None }
    /// # async fn send(_: String) {}
    /// async fn stream(session: Session) {
    ///     let mut ended = session.until_ended();
    ///     loop {
    ///         tokio::select! {
    ///             () = &mut ended => return,
    ///             message = next_message() => match message {
    ///                 Some(message) => send(message).await,
    ///                 None => return,
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    pub fn until_ended(&self) -> UntilEnded {
        let store = &self.inner.store;
        let own = |session: &SessionData| Some(session.impersonator.as_ref()?.session);
        match self.with_current(|session| (session.id, own(session))) {
            Some((id, None)) => UntilEnded::new(store, id),
            Some((id, Some(own))) => UntilEnded::new(store, id).or_of(store, own),
            None => UntilEnded::never(),
        }
    }
}
