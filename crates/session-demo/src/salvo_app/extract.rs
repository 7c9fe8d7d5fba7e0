//! What the handlers read of a request, as it was sent: salvo decodes paths, asks for content types
//! and has limits of its own.

use std::sync::LazyLock;

use salvo_core::extract::{Extractible, Metadata};
use salvo_core::{Depot, Request};
use session_core::{SessionStore, UserId};

use crate::answer::Answer;
use crate::pages;
use crate::problem::{Code, Problem};
use crate::request::{body, last_segment};

/// The last segment of the path, not decoded yet.
pub(super) struct Segment(pub(super) String);

/// The query, empty if there is none.
pub(super) struct Query(pub(super) String);

/// The store, for what has no session.
pub(super) struct Store(pub(super) SessionStore);

/// A body to be read as JSON, whatever its Content-Type.
pub(super) struct JsonBody(pub(super) Vec<u8>);

/// A form's body.
pub(super) struct FormBody(pub(super) Vec<u8>);

/// Whom [`find_user`](super::hoops::find_user) found.
#[derive(Clone)]
pub(super) struct FoundUser(pub(super) Option<UserId>);

/// Makes what the macro `#[handler]` can extract, from a function of the request and the depot.
macro_rules! extracted {
    ($($name:ident, $error:ty: |$request:ident, $depot:ident| $make:expr;)+) => {$(
        impl<'ex> Extractible<'ex> for $name {
            fn metadata() -> &'static Metadata {
                static METADATA: LazyLock<Metadata> =
                    LazyLock::new(|| Metadata::new(stringify!($name)));
                &METADATA
            }

            #[expect(refining_impl_trait, reason = "as salvo's own do")]
            async fn extract(
                $request: &'ex mut Request,
                $depot: &'ex mut Depot,
            ) -> Result<Self, $error> {
                $make
            }
        }
    )+};
}

extracted! {
    Segment, Problem: |request, _depot| Ok(Self(last_segment(request.uri().path()).to_owned()));
    Query, Problem: |request, _depot| Ok(Self(request.uri().query().unwrap_or_default().to_owned()));
    Store, Problem: |_request, depot| store(depot).map(Self);
    FoundUser, Problem: |_request, depot| {
        depot.get_typed::<Self>().cloned().map_err(|_| Code::Internal.into())
    };
    JsonBody, Problem: |request, depot| {
        let (store, body) = (store(depot)?, request.take_body());
        Ok(Self(body::json(request.headers(), body, store.config()).await?))
    };
    FormBody, Answer: |request, _depot| {
        let body = request.take_body();
        let body = body::form(request.headers(), body).await;
        body.map(Self).map_err(|problem| pages::problem(&problem))
    };
}

fn store(depot: &Depot) -> Result<SessionStore, Problem> {
    depot.get_typed::<SessionStore>().cloned().map_err(|_| Code::Internal.into())
}
