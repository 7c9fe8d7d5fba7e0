//! [`Transport`]: how the requests of one layer carry their session's token.

/// How the requests of a layer carry their session's token: for adapters, which hand it to
/// [`SessionStore::begin_by`](crate::SessionStore::begin_by). By default in a cookie and in no other way.
///
/// It is a layer's and not the store's, so that one store can serve pages by cookie and an API by bearer.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    bearer: bool,
}

impl Transport {
    /// Also reads `Authorization: Bearer` (RFC 6750), for native clients and APIs.
    ///
    /// - One credential for each request (law `one_credential_per_request`): where a bearer is given, no
    ///   cookie is read. A bearer that is malformed, given twice, unknown or dead is no session, whatever
    ///   cookies came with it; nothing is stored for it (409 `session_ended`), and a sign-in works.
    /// - No cookie is set or cleared for such a request (law `bearer_sets_no_cookie`). A token that it
    ///   issues is handed out by [`Session::take_bearer_token`](crate::Session::take_bearer_token).
    /// - A first sign-in has no bearer yet: it says [`SignIn::bearer`](crate::SignIn::bearer).
    /// - What `cross_site_sessions` refuses does not concern it: no browser sends a bearer by itself.
    ///   The fingerprint, the cap per user, expiry and signing hold as for cookies.
    /// - Answers that used their session have `Vary: Authorization` beside `Vary: Cookie`.
    #[must_use]
    pub const fn bearer(mut self) -> Self {
        self.bearer = true;
        self
    }

    pub(crate) const fn accepts_bearer(&self) -> bool {
        self.bearer
    }
}
