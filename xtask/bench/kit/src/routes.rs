//! The routes of a program under test, the same in each.

use serde::Deserialize;

/// A browser's, as every request carries one.
pub const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// What a program under test answers. All answer 200 but where it says otherwise.
///
/// | Request | Does |
/// | --- | --- |
/// | `GET /untouched` | under the session layer, never asks for it; `hello` |
/// | `GET /me` | the user's name, or 401 |
/// | `POST /set?key=K&value=V` | stores one key; `ok` |
/// | `POST /slow-set?key=K&value=V&ms=M` | has the session read, waits, stores one key; `ok` |
/// | `GET /data` | all keys stored by the routes above with their values, as a JSON object |
/// | `POST /sign-in?user=U` | signs in, in the way that the library's documentation recommends; `ok` |
/// | `POST /sign-out` | signs out, in the way that the library's documentation recommends; `ok` |
/// | `POST /rotate` | changes the token or id and keeps the session, where the library can; else 501 |
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `GET /untouched`
    Untouched,
    /// `GET /me`, signed in
    Me,
    /// `POST /set?key=color&value=N`, another value each time
    Set,
    /// `POST /sign-in?user=alice`, with the cookie of the sign-in before
    SignIn,
}

impl Route {
    /// The method of the `nth` request.
    pub fn method(self) -> http::Method {
        match self {
            Self::Untouched | Self::Me => http::Method::GET,
            Self::Set | Self::SignIn => http::Method::POST,
        }
    }

    /// The path and query of the `nth` request.
    pub fn path(self, nth: u32) -> String {
        match self {
            Self::Untouched => "/untouched".into(),
            Self::Me => "/me".into(),
            Self::Set => format!("/set?key=color&value={nth:08}"),
            Self::SignIn => "/sign-in?user=alice".into(),
        }
    }
}

/// The query of `/set` and `/slow-set`.
#[derive(Deserialize, Debug)]
pub struct Set {
    /// Which key.
    pub key: String,
    /// What to store under it.
    pub value: String,
    /// How long `/slow-set` waits, in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

/// The query of `/sign-in`.
#[derive(Deserialize, Debug)]
pub struct SignIn {
    /// The user's name.
    pub user: String,
}
