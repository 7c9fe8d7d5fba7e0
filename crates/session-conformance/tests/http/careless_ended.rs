//! Careless adapters again: what they do to requests of other sites, and to what an answer tells.

use http::header::{CACHE_CONTROL, ORIGIN, SET_COOKIE, VARY};
use http::{HeaderValue, StatusCode};
use session_conformance::http::{CONTAINED, broken_request_laws};

use crate::bare::Bare;
use crate::careless::{After, Before, Careless, edit};

#[test]
fn each_breaks_its_own_law_only() {
    let nothing: Before = |_, _| {};
    let cases: [(&str, &str, Before, After); 4] = [
        (
            "where it comes from is nobody's business",
            "cross_site_makes_no_session",
            |request, _| {
                request.headers_mut().remove("sec-fetch-site");
                request.headers_mut().remove(ORIGIN);
            },
            |_, _| {},
        ),
        ("Back is quick", "caches_are_told", nothing, |_, response| {
            edit(response, |response| {
                let (status, headers) = (response.status(), response.headers_mut());
                // What a program is handed has a law of its own.
                let mut varies = headers.get_all(VARY).iter();
                let is_bearer =
                    varies.any(|by| by.to_str().is_ok_and(|by| by.contains("Authorization")));
                let says = headers.get(CACHE_CONTROL).is_some_and(|said| said == "no-store");
                if says
                    && !is_bearer
                    && status == StatusCode::OK
                    && !headers.contains_key(SET_COOKIE)
                {
                    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
                }
            });
        }),
        ("a cookie is sent once", "lifetime_is_kept", nothing, |path, response| {
            edit(response, |response| {
                if path.starts_with("/lifetime.") {
                    response.headers_mut().remove(SET_COOKIE);
                }
            });
        }),
        ("an error is bare", "handler_panic_is_contained", nothing, |path, response| {
            edit(response, |response| {
                if path.starts_with(CONTAINED) && !response.status().is_success() {
                    response.headers_mut().remove(SET_COOKIE);
                }
            });
        }),
    ];
    for (name, law, before, after) in cases {
        let make = move || async move { Careless { sound: Bare::sound(), before, after } };
        assert_eq!(broken_request_laws(make), [law], "{name}");
    }
}
