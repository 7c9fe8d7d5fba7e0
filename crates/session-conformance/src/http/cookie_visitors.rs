//! What cannot be promised of visitors without rows: [`COOKIE_VISITORS_EXCEPT`].

/// The request laws that do not apply as they are if what visitors store is in their cookie
/// (`anonymous_store: cookie`), and why, in the order of [`REQUEST_LAWS`](crate::REQUEST_LAWS). All others hold
/// there too. Users' sessions are the same in both, so what these say of them holds as ever.
pub const COOKIE_VISITORS_EXCEPT: &[(&str, &str)] = &[
    (
        "one_read_one_write",
        "It counts a row for a visitor who stores something. Here that costs neither a read nor a write.",
    ),
    (
        "sign_in_rotates",
        "A visitor's cookie cannot end: a copy of it is opened, and carried by a later sign-in, until it expires.",
    ),
    (
        "logout_always_ends",
        "There is nothing of a visitor's that a sign-out could end: it removes the cookie and counts nothing, and a copy goes on.",
    ),
    (
        "one_request_one_session",
        "A visitor's request makes no session, so there is none whose token its cookie could carry.",
    ),
    (
        "late_response_never_clobbers",
        "The last answer wins: a visitor's that comes late takes the place of a newer cookie, be it a token.",
    ),
    (
        "outage_clears_nothing",
        "What a visitor stores needs no backend, so in an outage it is stored, and its cookie is set.",
    ),
    ("failed_save_is_reported", "The same: a visitor's save does not fail if the backend does."),
    (
        "lifetime_is_kept",
        "It counts the read and the write of a visitor's row. The lifetime itself is kept: `a_lifetime_of_its_own_is_kept` in `crates/session-core/tests/it/visitors.rs`.",
    ),
    (
        "tossed_cookie_loses",
        "Visitors' cookies are never ambiguous: of several the one that was sealed last counts, and beside a live token none does.",
    ),
    (
        "handler_panic_is_contained",
        "What a visitor saved reaches the browser with the response: if a panic takes that away, it is lost.",
    ),
];
