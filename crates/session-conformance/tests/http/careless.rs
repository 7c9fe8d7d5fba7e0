//! Careless adapters: a sound one inside of something that spoils its requests or responses. Each
//! breaks one law, and no other.

use std::net::Ipv4Addr;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, COOKIE, Entry, SET_COOKIE, USER_AGENT, VARY};
use http::{HeaderValue, Request, Response, StatusCode};
use session_conformance::async_trait;
use session_conformance::http::{App, Harness, JAR, Mount, Panicked, broken_request_laws};
use session_core::{Peer, SessionBackend, SessionStore};

use crate::bare::Bare;

pub(crate) type Before = fn(&mut Request<Vec<u8>>, &mut Peer);
pub(crate) type After = fn(&str, &mut Result<Response<Vec<u8>>, Panicked>);

#[test]
fn each_breaks_its_own_law_only() {
    let nothing: Before = |_, _| {};
    let leave: After = |_, _| {};
    let cases: [(&str, &str, Before, After); 11] = [
        ("varies deeper down", "untouched_costs_nothing", nothing, |path, response| {
            edit(response, |r| {
                if path == "/untouched/deeper" {
                    r.headers_mut().entry(VARY).or_insert(HeaderValue::from_static("Cookie"));
                }
            });
        }),
        ("caches its cookies", "caches_are_told", nothing, |_, response| {
            edit(response, |r| {
                let cookie = r.headers().get(SET_COOKIE).map(HeaderValue::as_bytes);
                if cookie.is_some_and(|cookie| cookie.starts_with(b"_session=")) {
                    r.headers_mut().remove(CACHE_CONTROL);
                }
            });
        }),
        ("a jar behind the session", "one_cookie_per_response", nothing, |path, response| {
            if path.starts_with(JAR) {
                let cookie = HeaderValue::from_static("_session=from-the-jar");
                edit(response, |r| {
                    r.headers_mut().append(SET_COOKIE, cookie);
                });
            }
        }),
        ("a removal in short", "removal_matches", nothing, |_, response| {
            cookies(response, |cookie| match cookie.split_once('=') {
                Some((name, rest)) if rest.starts_with(';') => {
                    format!("{name}=; Path=/; Max-Age=0")
                }
                _ => cookie.to_owned(),
            });
        }),
        ("a month is long enough", "cookie_follows_expiry", nothing, |_, response| {
            cookies(response, |cookie| cookie.replace("Max-Age=7776000", "Max-Age=2592000"));
        }),
        (
            "headers that are text",
            "every_cookie_header_read",
            |request, _| {
                let lines: Vec<_> = request.headers().get_all(COOKIE).iter().cloned().collect();
                request.headers_mut().remove(COOKIE);
                for line in lines.into_iter().filter(|line| line.to_str().is_ok()) {
                    request.headers_mut().append(COOKIE, line);
                }
            },
            leave,
        ),
        (
            "a signature is noise",
            "forged_cookie_costs_nothing",
            |request, _| {
                let Entry::Occupied(mut entry) = request.headers_mut().entry(COOKIE) else {
                    return;
                };
                for line in entry.iter_mut() {
                    let Ok(text) = line.to_str() else { continue };
                    let pairs = text.split("; ").map(|pair| match pair.split_once('.') {
                        Some((value, mac)) if pair.starts_with("_session=") && mac.len() == 43 => {
                            value
                        }
                        _ => pair,
                    });
                    let pairs = pairs.collect::<Vec<_>>().join("; ");
                    *line = HeaderValue::try_from(pairs).expect("a header value");
                }
            },
            leave,
        ),
        (
            "who is unknown is local",
            "proxies_are_not_believed",
            |_, peer| {
                if *peer == Peer::Unknown {
                    *peer = Peer::Ip(Ipv4Addr::LOCALHOST.into());
                }
            },
            leave,
        ),
        (
            "all browsers are one",
            "fingerprint_survives_update",
            |request, _| {
                let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
                if agent.is_some_and(|agent| agent.contains("Firefox")) {
                    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
                             (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
                    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
                }
            },
            leave,
        ),
        ("too much is fine", "failed_save_is_reported", nothing, |_, response| {
            edit(response, |r| {
                if r.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    *r.status_mut() = StatusCode::OK;
                }
            });
        }),
        ("a panic is an answer", "handler_panic_is_contained", nothing, |_, response| {
            if response.is_err() {
                *response = Ok(Response::default());
            }
        }),
    ];
    let mut wrong = Vec::new();
    for (name, law, before, after) in cases {
        let make = move || async move { Careless { sound: Bare::sound(), before, after } };
        let broken = broken_request_laws(make);
        if broken != [law] {
            wrong.push((name, broken));
        }
    }
    assert!(wrong.is_empty(), "break other laws than their own: {wrong:?}");
}

pub(crate) fn edit(
    response: &mut Result<Response<Vec<u8>>, Panicked>,
    edit: impl FnOnce(&mut Response<Vec<u8>>),
) {
    if let Ok(response) = response {
        edit(response);
    }
}

fn cookies(response: &mut Result<Response<Vec<u8>>, Panicked>, rewrite: impl Fn(&str) -> String) {
    edit(response, |response| {
        if let Entry::Occupied(entry) = response.headers_mut().entry(SET_COOKIE) {
            let lines: Vec<_> = entry.remove_entry_mult().1.collect();
            for line in lines {
                let line = rewrite(line.to_str().expect("text"));
                let line = HeaderValue::try_from(line).expect("a header value");
                response.headers_mut().append(SET_COOKIE, line);
            }
        }
    });
}

pub(crate) struct Careless {
    pub(crate) sound: Bare,
    pub(crate) before: Before,
    pub(crate) after: After,
}

#[async_trait]
impl Harness for Careless {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.sound.backend()
    }

    async fn mount(&self, store: SessionStore, mount: Mount) -> Arc<dyn App> {
        let sound = self.sound.mount(store, mount).await;
        Arc::new(CarelessApp { sound, before: self.before, after: self.after })
    }
}

struct CarelessApp {
    sound: Arc<dyn App>,
    before: Before,
    after: After,
}

#[async_trait]
impl App for CarelessApp {
    async fn call(
        &self,
        mut request: Request<Vec<u8>>,
        mut peer: Peer,
    ) -> Result<Response<Vec<u8>>, Panicked> {
        let path = request.uri().path().to_owned();
        (self.before)(&mut request, &mut peer);
        let mut response = self.sound.call(request, peer).await;
        (self.after)(&path, &mut response);
        response
    }
}
