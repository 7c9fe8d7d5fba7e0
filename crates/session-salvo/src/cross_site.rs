//! [`cross_site_guard`]: requests that other sites make a browser send are refused.

use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Scribe, async_trait};
use session_core::{CrossSiteGuard, RequestHead};

use crate::answer::SessionError;

/// Refuses what may change something and was sent from another site, with 403 `cross_origin`:
/// [`CrossSiteGuard`] has the rules, and what can be let through.
///
/// It needs no session and asks no database. Hooped after the session's handler, its answer takes the
/// shape that [`on_error`](crate::SessionHandler::on_error) gives; elsewhere it is plain text.
///
/// ```
/// use salvo_core::prelude::*;
/// use session_core::{CrossSiteGuard, MemoryBackend, SessionConfig, SessionStore};
/// use session_salvo::{SessionHandler, cross_site_guard};
///
/// #[handler]
/// async fn order() -> &'static str {
///     "ordered"
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
/// let guard = CrossSiteGuard::new().trust_origin("https://app.example.org")?;
/// let router = Router::with_path("orders")
///     .hoop(SessionHandler::new(store))
///     .hoop(cross_site_guard(guard))
///     .post(order);
/// # let _ = router; Ok(()) }
/// ```
#[must_use]
pub fn cross_site_guard(guard: CrossSiteGuard) -> CrossSiteHoop {
    CrossSiteHoop { guard }
}

/// The hoop that [`cross_site_guard`] makes.
#[derive(Clone, Debug)]
pub struct CrossSiteHoop {
    guard: CrossSiteGuard,
}

#[async_trait]
impl Handler for CrossSiteHoop {
    async fn handle(
        &self,
        request: &mut Request,
        _: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        if let Err(error) = self.guard.check(RequestHead { method, uri, headers }) {
            SessionError::from(error).render(response);
            flow.skip_rest();
        }
    }
}
