//! [`Transport`]: how the requests of one layer carry their session's token.

use std::sync::Arc;

use crate::accounts::{AccountSlots, Accounts};
use crate::invalid_config::InvalidConfig;
use crate::store::SessionStore;

/// How the requests of a layer carry their session's token: for adapters, which hand it to
/// [`SessionStore::begin_by`](crate::SessionStore::begin_by). By default in a cookie and in no other way.
///
/// It is a layer's and not the store's, so that one store can serve pages by cookie and an API by bearer.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    bearer: bool,
    slots: Option<Arc<Accounts>>,
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
    pub fn bearer(mut self) -> Self {
        self.bearer = true;
        self
    }

    /// Several accounts in one browser, each in a slot with a cookie of its own, under the store's configuration:
    /// see [`AccountSlots`].
    ///
    /// # Errors
    /// [`InvalidConfig`] if there are fewer than 2 slots or more than 10, or the path's prefix or the header's
    /// name cannot be one.
    pub fn accounts(
        mut self,
        slots: AccountSlots,
        store: &SessionStore,
    ) -> Result<Self, InvalidConfig> {
        self.slots = Some(Arc::new(Accounts::new(slots, store.settings())?));
        Ok(self)
    }

    /// The names of all cookies that a layer over this store sets, for an adapter whose framework has a jar.
    pub fn cookie_names<'t>(&'t self, store: &'t SessionStore) -> impl Iterator<Item = &'t str> {
        let others = self.slots().into_iter().flat_map(Accounts::cookies).skip(1);
        std::iter::once(store.settings().cookie.name()).chain(others.map(|(_, rules)| rules.name()))
    }

    pub(crate) fn slots(&self) -> Option<&Accounts> {
        self.slots.as_deref()
    }

    pub(crate) fn shared_slots(&self) -> Option<Arc<Accounts>> {
        self.slots.clone()
    }

    pub(crate) const fn accepts_bearer(&self) -> bool {
        self.bearer
    }
}
