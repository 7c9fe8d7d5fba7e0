//! The laws by name: one list for the tests that the macros make, the registry and docs/laws.md.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;

use crate::subject::Fresh;

/// One promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Law {
    /// The name of its function and of its test.
    pub name: &'static str,
    /// Who keeps it.
    pub kind: LawKind,
    /// What is promised, in a paragraph of Markdown.
    pub promise: &'static str,
}

/// A law at work.
pub type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A backend law as a function pointer.
pub type LawFn = for<'a> fn(&'a Fresh) -> Running<'a>;

/// Who keeps a law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LawKind {
    /// Every backend, under any interleaving, from any number of processes.
    Backend,
    /// Every adapter, over every backend.
    Request,
}

impl LawKind {
    /// `backend` or `request`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Request => "request",
        }
    }
}

/// Calls `callback! { [argument] name "promise" … }` with every backend law.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_backend_law {
    ([$($callback:tt)+] $argument:tt) => {
        $($callback)+! { $argument
            create_then_find
            "What was created is found by its token hash, every field equal, timestamps to the microsecond. Its token has not been seen yet."
            create_never_overwrites
            "An id or a hash already in use is `Conflict`; the old session is untouched, and nothing else that the call would have done has happened."
            create_replaces_atomically
            "`create` with `replaces` ends the old session in the same step: never are both live, and neither is only if the call returned an error."
            sign_in_carries_every_write
            "The backend copies the old session's data as it is in the step that makes the new one, so a write that was acknowledged before is in the new session. Of racing sign-ins from one session all succeed, and all of the same user carry: for 10 seconds after a session was replaced, a later sign-in of the user whom it went to (a double click, a form sent twice) carries what it held then, and not what the successor wrote since, which may grant. Another user's, or a later one, carries nothing; nor does any carry what was another user's."
            ended_never_returns
            "A sign-in of the user whose session this request had loaded is refused if that session was signed out, revoked or evicted meanwhile, or its token has lost its power, in the step that would create: a thief's slow request cannot renew itself."
            expired_is_absent
            "`find` and `list` never return a session with `expires_at <= now`, purged or not, and `update` treats it as `Missing`."
            patches_commute
            "Patches to different keys from parallel requests all survive; on one key the last to commit wins."
            patch_is_exact
            "Under any key (dots, quotes, `$`, empty, emoji, 1 kB) strings, booleans, nulls, structure, every `i64` and every `u64` come back equal; every finite `f64` is bit-equal when read as `f64` (-0.0 may return as 0.0, a whole number of 1e16 or more as an integer). Null is a value, absent is not; a nested object is replaced, not merged; a value nests at most 128 deep, and what was accepted can always be loaded."
            size_is_bounded
            "A patch whose result would pass a hard ceiling (four times the configured bytes, in the backend's own encoding) is refused in the same statement, whatever raced."
            compare_and_set
            "An update that names a version applies only at that version, else nothing changes. Data writes move the version; touches, lifetimes and rotations do not. What the answer says is what is stored."
            update_never_creates
            "Any change to a missing session, or through a token that is neither its session's current one nor in grace, is `Missing` and leaves nothing behind: a sign-out wins."
            touch_is_monotonic
            "Racing touches never move `last_active_at` or `expires_at` backwards, and none passes `not_after` or the absolute end, whatever an older read believed. Re-authentication and a session's own lifetime may shorten its life; neither passes `not_after`."
            rotation_has_one_winner
            "Of any number of racing rotations from one token exactly one applies. At most 8 tokens of a session are in grace; the grace of an older one ends with the rotation that passes the limit."
            ended_token_is_known
            "For at least 60 s the token of a session that was rotated, replaced, signed out, revoked or evicted is found as `Grace` or `Ended`, with how and when, and with whether the token that was made from it was presented since. All tokens of a session share its end; signed out is the token that asked for it, and every other that it ended is revoked. A token that was never issued is absent."
            cap_is_exact
            "After any number of racing creates a user has at most `cap` live sessions, and exactly `cap` if more were made."
            evicts_least_recently_active
            "The victims are the least recently active (among equals the oldest id) at the moment of eviction, touches that just committed included, and never the newcomer. Expired sessions do not count. All ids are returned, even if a lowered cap makes them many."
            remove_is_scoped
            "`remove` with an owner never removes another user's session, in one step. Removing a missing one is not an error. With an acting session it removes nothing unless that one is live and its token current or in grace, in the same step."
            remove_user_is_complete
            "When it returns, every session of that user whose create had returned before the call is gone; a racing create falls wholly before or wholly after. It returns the ids; `except` keeps one. A re-authentication that ends the user's others does so in its own step. With an acting session it happens only if that session is live and its token current or in grace, in the same step; of two that act on each other at once exactly one succeeds."
            list_is_ordered
            "Live sessions of the user only, most recently active first, the newest id first among equals."
            purge_is_bounded
            "It looks at no more than `limit` due sessions per call and never removes one that was renewed meanwhile. It says how many went and whether more may be due. Several servers may purge at once."
            failure_is_an_error
            "An unreachable, slow or broken database is an error with a kind, within the configured time, and never `None`."
            cancel_is_safe
            "Dropping any call's future at any point leaves the session wholly changed or wholly unchanged, and the pool usable."
            hash_only_at_rest
            "A dump of everything the backend stores contains no token."
        }
    };
}

/// Calls `callback! { [argument] name "promise" … }` with every request law.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_request_law {
    ([$($callback:tt)+] $argument:tt) => {
        $($callback)+! { $argument
            untouched_costs_nothing
            "A request that never uses its session makes no backend call and gets no header."
            one_read_one_write
            "Beyond the calls that the handler itself awaits, a request that uses its session costs one read, and at most one write however many keys changed: data and touch share it."
            no_empty_sessions
            "Visitors who store nothing get no row and no cookie."
            unknown_token_never_adopted
            "A token that this server did not issue never becomes a session."
            forged_cookie_costs_nothing
            "If cookies are signed, one that is not rightly signed is no session and costs no backend call, also while the backend is down; it is left alone, and takes nobody's place. The first secret signs and all verify; unsigned cookies are accepted only if `signing` says so, and if it is off a signature is ignored."
            sign_in_rotates
            "Signing in, re-authenticating and switching user always issue a new token, in a grace period too, and the one before is dead at once, without grace. Signing in makes a new session id and carries over the data of an anonymous session or of the same user's, never another user's; re-authenticating keeps the id. A sign-in form that was sent twice loses nothing: for 10 s the same user's second sign-in carries what the first one took over."
            rotation_has_grace
            "After a plain rotation the token before works for the grace period; a request that presents it gets no sliding cookie. At most 8 tokens of a session are in grace; older ones end."
            refused_token_makes_no_session
            "A request whose token is followed by a newer one, refused by its fingerprint (also if the mismatch just revoked it), ambiguous, or unreadable because the backend failed never makes a session or a cookie by itself. What it wants to store is 409 `session_ended` (503 if the backend failed), said by the setter itself and not by a replaced answer, so that a handler can go on without it, redirect, or start over. `may_store()` asks without trying; removing what is not there is `Ok`. Of several dead tokens one followed is enough. An explicit sign-in works, and so does storing after `logout` in the same request; `start_over()` makes the request a visitor's, and changes nothing on a request that was not refused, so a sign-in page may always call it."
            ended_elsewhere_starts_over
            "A visitor's token never stands in the way. If the token was revoked, evicted, or signed out on another device, has expired, or was ended by its own browser 10 s ago or longer by an answer that was lost, what the request stores makes a new session at once, so that a sign-in page keeps its CSRF token, OAuth state and return address; `ended()` says how and when it ended. A request that loaded the session while it lived gets 409."
            logout_always_ends
            "`logout` ends every live session whose token the request presented (of up to 16 values looked up; ambiguous ones, ones in grace and ones refused by their fingerprint too; also the session that replaced the presented token by its own re-authentication or rotation less than 10 s ago), says how many, and sends the removal cookie whenever a cookie of the name came, dead, unknown or malformed: who signs out explicitly must not stay signed in. A cookie of another Path or Domain cannot be removed, and is dead. If the backend fails it is an error and never `Ok`."
            cross_site_makes_no_session
            "A request from another site that loaded no live session, whatever came under the name, may have had its cookie held back by SameSite: `Sec-Fetch-Site: cross-site` and no top-level navigation by GET; if that header is missing, an unsafe method whose `Origin` is `null` or names neither the Host nor the host that a trusted proxy forwards. It makes no session by itself: its cookie would replace the one held back, and sign its user out. What it wants to store is 409 `cross_site`, said by the setter; an explicit sign-in and `start_over()` work (and belong behind a cross-site check), storing after `logout` only if that ended a session. Off with `same_site: none` and with `cross_site_sessions: allow`."
            next_never_leaves
            "A guard refuses a program with 401, 403 `stale_authentication` or 409 `already_signed_in`, and sends a browser's navigation with 303, `no-store` and no Set-Cookie to the page that the application named, with the address that was wanted as `next` (of GET and HEAD). A sign-in page that is for visitors sends who is signed in on to `next`. Whatever is written into `next`, or asked for, no redirect of ours leads to another site: not with `//`, `\\`, tabs and control characters, credentials, a scheme, dots, encoded slashes, at any length, or nested. No page leads to itself."
            ended_session_has_no_power
            "What acts on the user's sessions (`list`, `revoke`, `logout_others`, `logout_all`) is `SessionEnded` if the acting session is no longer live or the handle's token is neither its current one nor in grace, decided in the same step. Data writes through a token that ended without grace are 409 too, and a request whose session was ended meanwhile does not renew itself by signing in with its own user: a thief's slow request or open WebSocket can neither write nor sign the owner out. Only `logout` may still end its own session."
            handle_operations_serialise
            "Any two operations on clones of one handle, in every order in which their backend calls can begin and end, end as some order one after the other would: the token, the cookie, the data, the version, and what a later read on the handle shows. The response's own is no exception. An operation that waits for its turn longer than `backend_timeout_ms`, because a future ahead of it is held and not polled, is `Unavailable`; a future that is dropped gives its turn back, and what it may have done is looked up by whatever asks next."
            one_request_one_session
            "One request never leaves two live sessions that it made; what it acknowledged is in the session whose token its cookie carries; after the response is decided no operation makes one."
            late_response_never_clobbers
            "A cookie is cleared only by an explicit sign-out, or by a request that itself ended its session (a revocation of the current one, a fingerprint revocation), never because a token is stale, expired or unknown: browsers drop it at its Max-Age. A request that began with a followed token (one that its own browser ended less than 10 s before the request arrived or since, or of which a newer one has been presented) never overwrites the newer cookie. A sliding cookie is sent only when the touch applied and the token presented was still the current one."
            sign_out_wins
            "After sign-out returns, no request that was in flight can bring the session back; its buffered data is refused with 409 `session_ended` and no Set-Cookie, and a cookie still on its way is dead."
            outage_clears_nothing
            "When the backend fails, the answer is 503 with Retry-After (or anonymous, if so configured), and no Set-Cookie except for a token change that this request had already committed. An outage never reads as \"not signed in\", and a guard redirects nobody in one."
            failed_save_is_reported
            "A response whose buffered data could not be saved is replaced (503, or 409 for a session that ended meanwhile) and never a success. A touch that fails is an event, not an error."
            server_error_discards_data
            "A 5xx from the handler, and 408 (a time-out layer answers it for a handler that it cut off), discard buffered data, never token or cookie changes."
            unchanged_writes_nothing
            "Of what the response saves by itself, a value equal to what was loaded, or the removal of a key that was not there, costs no backend call and moves no version (unless `save_unchanged`). An explicit `save`, and every write after the response was decided, is sent."
            lifetime_is_kept
            "`set_lifetime` (idle lifetime, persistent or ending with the browser, a fixed end `not_after`) works at creation, at sign-in and on a live session, moves neither id nor `authenticated_at`, is data like other data in the buffer and alone makes no session. No slide, rotation or re-authentication passes a fixed end or the absolute lifetime, and the cookie follows what is stored, also after a parallel change."
            late_write_is_refused
            "Once the response is decided (streams, WebSockets), buffered setters return an error. `save` and `update` may change an existing session, and never create one or a cookie."
            cookie_follows_expiry
            "When the expiry slides, the cookie's Max-Age is sent anew: both ends agree."
            removal_matches
            "A removal cookie repeats name, Path, Domain, Secure, HttpOnly, SameSite, Partitioned and the rules of the name's prefix."
            one_cookie_per_response
            "At most one Set-Cookie for the name, the framework's own jar included, and never over 4096 bytes."
            every_cookie_header_read
            "Several Cookie headers, names that begin alike, and other cookies with bytes above 0x7F are read right."
            tossed_cookie_loses
            "Of several different well-formed values (at most 4 are looked up) the only live one counts. Several live sessions are ambiguous: refused, and an event; but of several of one user the last authenticated counts, and of a current and a former token of one session the current. An explicit sign-in or `start_over()` from an ambiguous request ends every live session that it presented, or it would stay ambiguous for ever; nothing is carried."
            caches_are_told
            "`Vary: Cookie` when the session was used (a handler, an extractor or `user_id_from_extensions` asked; loading eagerly alone is no use); with every Set-Cookie `Cache-Control: no-store`, unless the handler's own says `no-store` or `private`. An answer that used a session and says nothing itself (neither Cache-Control nor Expires) gets `no-store` if somebody was signed in, so that Back after a sign-out shows no private page (`no_store_when_signed_in`, on by default), and `private` for a visitor's session."
            fingerprint_survives_update
            "A newer version of the same browser, a changed language or encoding list, and \"request desktop site\" keep the session; another known browser family or system family does not. An agent that is missing or unknown (media and download helpers) is reported, not punished."
            proxies_are_not_believed
            "One forwarded header, the configured one, counts, only from trusted peers, walked right to left. A malformed hop ends the walk at the last good one; if all are trusted the leftmost counts; an unknown peer is never trusted, and a Unix socket counts as loopback."
            handler_panic_is_contained
            "A panic passes through, its buffered data is dropped, no lock stays, the session lives on. A token change that was committed before it reaches the browser if the panic (or time-out) is caught behind the session's layer, and is an event if it is lost, also when the client went away. Two nested layers and a missing layer are clear errors (500 with the reason in the log), not second panics."
        }
    };
}

macro_rules! register {
    ([$laws:ident, $kind:ident] $($name:ident $promise:literal)+) => {
        /// Every law of this kind, in the order in which docs/laws.md has them.
        pub const $laws: &[Law] =
            &[$(Law { name: stringify!($name), kind: LawKind::$kind, promise: $promise }),+];
    };
}

macro_rules! register_functions {
    ([] $($name:ident $promise:literal)+) => {
        pub(crate) const BACKEND_LAW_FNS: &[(&str, LawFn)] =
            &[$((stringify!($name), |fresh| Box::pin(crate::laws::$name(fresh)))),+];
    };
}

crate::__each_backend_law! { [register] [BACKEND_LAWS, Backend] }
crate::__each_request_law! { [register] [REQUEST_LAWS, Request] }
crate::__each_backend_law! { [register_functions] [] }

/// The text of docs/laws.md.
#[must_use]
pub fn laws_markdown() -> String {
    let mut page = String::from(
        "# The laws\n\n\
         Written by `cargo xtask laws` from the suite in `crates/session-conformance`; change it there.\n\n\
         Every promise that this library makes has a name, and every name is a test: a failure says \
         which promise is broken. The suite is public, so a backend or an adapter of your own is held \
         to the same promises as ours, and it tests itself: for every backend law there is a \
         deliberately faulty backend that breaks this law and no other.\n",
    );
    let kinds = [
        (
            "Backend laws",
            "Every backend keeps these under any interleaving of calls, from any number of \
             processes. Each is a function in `session_conformance::laws`, and \
             `session_conformance::backend_laws!(make)` makes a test of each in the backend's own \
             crate, `backend_laws::<backend>::<law>`. How to write a backend and hold it to them: \
             [custom-backends.md](custom-backends.md).",
            BACKEND_LAWS,
        ),
        (
            "Request laws",
            "Every adapter keeps these over every backend, looked at from outside as HTTP requests \
             and responses. `session_conformance::http_laws!(harness)` makes a test of each in the \
             adapter's crate, `http_laws::<adapter>_over_<backend>::<law>`.",
            REQUEST_LAWS,
        ),
    ];
    // Writing to a string cannot fail.
    for (title, introduction, laws) in kinds {
        let _ =
            write!(page, "\n## {title}\n\n{introduction}\n\n| Law | Promise |\n| --- | --- |\n");
        for law in laws {
            let _ = writeln!(page, "| `{}` | {} |", law.name, law.promise.replace('|', "\\|"));
        }
    }
    page.push_str(
        "\n## Dead tokens: the one rule\n\n\
         What becomes of a request whose token is dead, in one table. All tokens of a session share its \
         end. A token is *followed* if its browser has a newer cookie, or is about to get one; such a \
         request makes no session by itself: `set`, `update` and `save` are 409 `session_ended` at once, \
         an explicit sign-in and `start_over` work. Every other dead or unknown token is a visitor's. The \
         rule is a pure function, `session-core/src/dead_token.rs`, with a table of tests.\n\n\
         | The token ended | and the request arrived | its newer token | The request is |\n\
         | --- | --- | --- | --- |\n\
         | by its own browser: signed out, signed in, re-authenticated, rotated past its grace | before, or \
         less than 10 s after | in any case | refused: followed |\n\
         | the same | 10 s after or later | was presented since | refused: followed |\n\
         | the same | 10 s after or later | was never presented: the answer was lost | a visitor's |\n\
         | elsewhere: revoked, evicted, or signed out by another of the session's tokens | at any time | \
         was presented since: a sign-in was made from it | refused: followed |\n\
         | the same | at any time | there is none | a visitor's |\n\
         | it expired, ended over five minutes ago, or was never issued | at any time | | a visitor's |\n\
         | while the request ran, which had loaded its session alive | | | refused: 409 \
         `session_ended`, also for what was buffered |\n",
    );
    page.push_str(
        "\n## Running them\n\n\
         - All of them: `cargo xtask test`, which also says which law held on which backend and adapter.\n\
         - One law on every backend at hand: `cargo nextest run cap_is_exact` (or `cargo test cap_is_exact`).\n\
         - The laws that race take modest rounds on every run; `SESSION_LAW_ROUNDS=100` makes them a \
         hundred times as many.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_law_has_a_name_and_a_promise_of_its_own() {
        assert_eq!((BACKEND_LAWS.len(), REQUEST_LAWS.len()), (23, 32));
        let laws = || BACKEND_LAWS.iter().chain(REQUEST_LAWS);
        assert_eq!(laws().map(|law| law.name).collect::<HashSet<_>>().len(), 55);
        assert_eq!(laws().map(|law| law.promise).collect::<HashSet<_>>().len(), 55);
        for law in laws() {
            let sentence = law.promise.ends_with('.') && !law.promise.contains('\n');
            assert!(sentence, "{}: a promise is a paragraph of sentences", law.name);
        }
    }

    #[test]
    fn the_page_has_every_law() {
        let page = laws_markdown();
        for law in BACKEND_LAWS.iter().chain(REQUEST_LAWS) {
            assert!(page.contains(&format!("\n| `{}` | ", law.name)), "{}", law.name);
        }
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"));
    }
}
