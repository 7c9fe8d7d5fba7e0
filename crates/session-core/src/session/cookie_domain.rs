//! The `Domain` of this response's cookie, if the request chooses it.

use super::Session;
use crate::error::{Error, ErrorKind};

impl Session {
    /// Gives this response's cookie another `Domain`: for one application under the domains of several
    /// tenants, each of which shares its session among its own subdomains. The domain has to be in
    /// [`CookieConfig::domains`](crate::CookieConfig::domains), so whatever the request names, no other
    /// domain gets the cookie. A leading dot and upper case do not matter.
    ///
    /// It holds for a removal as well as for a new or a sliding cookie, and for this request only: call
    /// it for every request that uses the session, in a middleware. Browsers keep cookies of two domains
    /// beside each other, and a request that brings both is ambiguous.
    ///
    /// ```
    /// # use session_core::{Error, Session};
    /// fn for_tenant(session: &Session, tenant_domain: &str) -> Result<(), Error> {
    ///     session.set_cookie_domain(tenant_domain)
    /// }
    /// ```
    ///
    /// # Errors
    /// - [`InvalidData`](ErrorKind::InvalidData): the domain is not in the list.
    /// - [`LateWrite`](ErrorKind::LateWrite): the response is decided.
    pub fn set_cookie_domain(&self, domain: &str) -> Result<(), Error> {
        let rules = &self.inner.store.settings().cookie;
        let place = rules.allowed_domain(domain).ok_or_else(|| {
            Error::from_kind(ErrorKind::InvalidData)
                .with_context("the cookie's domain is not one of cookie.domains")
        })?;
        let mut state = self.unsettled();
        if state.decided {
            return Err(Error::from_kind(ErrorKind::LateWrite));
        }
        state.cookie_domain = Some(place);
        Ok(())
    }
}
