//! The addresses, alike on every framework.

use crate::api::ApiAction;
use crate::page::PageAction;

/// What an address takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// GET and HEAD.
    Get,
    Post,
    Delete,
}

/// An address below the one where the routes are mounted, as both frameworks write it.
pub(crate) struct Address<A> {
    pub(crate) path: &'static str,
    pub(crate) takes: Takes,
    pub(crate) action: A,
}

/// What is asked of the page by a path as it was sent.
pub(crate) type ToPage = fn(&str) -> PageAction<'_>;

/// What is asked of the JSON by a path as it was sent.
pub(crate) type ToApi = fn(&str) -> ApiAction<'_>;

/// The page's, without the frameworks' own parameters: they are decoded, and an id needs no decoding.
pub(crate) const PAGE: [Address<ToPage>; 5] = [
    Address { path: "/", takes: Takes::Get, action: |_| PageAction::Show },
    Address {
        path: "/{id}/revoke",
        takes: Takes::Post,
        action: |path| PageAction::End(segment(path, 1)),
    },
    Address { path: "/logout-others", takes: Takes::Post, action: |_| PageAction::EndOthers },
    Address { path: "/logout-all", takes: Takes::Post, action: |_| PageAction::EndAll },
    Address { path: "/style.css", takes: Takes::Get, action: |_| PageAction::Stylesheet },
];

/// The JSON's. What may be anything comes last: salvo takes the first that fits.
pub(crate) const API: [Address<ToApi>; 4] = [
    Address { path: "/", takes: Takes::Get, action: |_| ApiAction::List },
    Address { path: "/logout-others", takes: Takes::Post, action: |_| ApiAction::EndOthers },
    Address { path: "/logout-all", takes: Takes::Post, action: |_| ApiAction::EndAll },
    Address {
        path: "/{id}",
        takes: Takes::Delete,
        action: |path| ApiAction::End(segment(path, 0)),
    },
];

/// A segment of a path, counted from the last.
fn segment(path: &str, from_last: usize) -> &str {
    path.trim_end_matches('/').rsplit('/').nth(from_last).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments() {
        assert_eq!(segment("/devices/abc/revoke", 1), "abc");
        assert_eq!(segment("/devices/%ff/revoke/", 1), "%ff");
        assert_eq!(segment("/api/abc", 0), "abc");
        assert_eq!(segment("/", 0), "");
    }
}
