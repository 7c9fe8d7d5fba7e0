//! Whether a request still comes from the kind of client that the session began with: [`check`].

use crate::client::device::{families, one_is_desktop_site_of_other};
use crate::client::fingerprint::{Fingerprint, FingerprintMode, stable_of};

/// How a request's client compares with the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// The same client, as far as the mode looks.
    Match,
    /// One side's agent is missing or unknown (a media or download helper, say): reported, not
    /// punished.
    Unrecognised,
    /// Two known clients that differ: [`MismatchAction`] decides.
    Mismatch,
}

/// Compares a request with what its session was made with (law `fingerprint_survives_update`).
///
/// - `stored` and `stored_user_agent` are the session's, `user_agent` (what [`agent_text`](super::fingerprint::agent_text)
///   returned) and `presented` the request's. `presented` is called only if digests are
///   compared, and then returns the request's fingerprint in the mode asked for.
/// - [`Stable`](FingerprintMode::Stable): an unchanged `User-Agent` matches, with nothing parsed or
///   hashed. Otherwise the families of both agents decide: two known browser families or two known
///   system families that differ are a [`Mismatch`](Verdict::Mismatch); a family known on one side
///   only is [`Unrecognised`](Verdict::Unrecognised); all else matches. The stored digest serves as
///   a short cut and never condemns, so a release that names families anew signs nobody out.
/// - [`Exact`](FingerprintMode::Exact): the digests decide. A session whose fingerprint is missing
///   or was made in the other mode is compared as in the stable mode, so that switching the mode
///   signs nobody out.
pub(crate) fn check(
    mode: FingerprintMode,
    stored: Option<&Fingerprint>,
    stored_user_agent: Option<&str>,
    user_agent: Option<&str>,
    presented: impl FnOnce() -> Fingerprint,
) -> Verdict {
    if mode == FingerprintMode::Exact
        && let Some(stored) = stored.filter(|stored| stored.mode() == FingerprintMode::Exact)
    {
        return if *stored == presented() { Verdict::Match } else { Verdict::Mismatch };
    }
    if stored_user_agent == user_agent {
        return Verdict::Match;
    }
    let now = user_agent.map(families).unwrap_or_default();
    if stored.is_some_and(|stored| *stored == stable_of(now)) {
        return Verdict::Match;
    }
    let then = stored_user_agent.map(families).unwrap_or_default();
    if differ(then.browser, now.browser) || differ(then.system, now.system) {
        return match (stored_user_agent, user_agent) {
            (Some(then), Some(now)) if one_is_desktop_site_of_other(then, now) => Verdict::Match,
            _ => Verdict::Mismatch,
        };
    }
    // What is known on both sides is equal by now.
    if then == now { Verdict::Match } else { Verdict::Unrecognised }
}

fn differ<T: PartialEq>(then: Option<T>, now: Option<T>) -> bool {
    matches!((then, now), (Some(then), Some(now)) if then != now)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::super::fingerprint::{exact, stable};
    use super::*;

    const CHROME_WIN: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const CHROME_WIN_NEWER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36";
    const CHROME_MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const CHROME_ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36";
    const CHROME_LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const EDGE_WIN: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0";
    const FIREFOX_WIN: &str =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0";
    const FIREFOX_IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/144.0 Mobile/15E148 Safari/605.1.15";
    const SAFARI_IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1";
    const SAFARI_IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1";
    const SAFARI_MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15";
    const CHROME_IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1";
    const CHROME_IPHONE_DESKTOP: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142 Version/11.1.1 Safari/605.1.15";
    const MEDIA: &str =
        "AppleCoreMedia/1.0.0.22A3354 (iPhone; U; CPU OS 18_0 like Mac OS X; en_us)";
    const DOWNLOAD: &str = "AndroidDownloadManager/15 (Linux; U; Android 15; Pixel 9 Build/AP4A)";

    fn headers(agent: Option<&str>, language: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(agent) = agent {
            headers.insert(header::USER_AGENT, HeaderValue::from_str(agent).unwrap());
        }
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        headers
    }

    fn some(agent: &str) -> Option<&str> {
        (!agent.is_empty()).then_some(agent)
    }

    /// An empty agent is a missing one. With and without the stored fingerprint: the digest is a
    /// short cut, so it must not change the answer.
    fn check_stable(name: &str, then: &str, now: &str, expected: Verdict) {
        let request = headers(some(now), "de");
        let made = stable(some(then));
        for stored in [Some(&made), None, Some(&exact(&headers(some(then), "de")))] {
            let verdict =
                check(FingerprintMode::Stable, stored, some(then), some(now), || exact(&request));
            assert_eq!(verdict, expected, "{name}, stored {stored:?}");
        }
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn stable_mode() {
        use Verdict::{Match, Mismatch, Unrecognised};
        check_stable("same", CHROME_WIN, CHROME_WIN, Match);
        check_stable("both missing", "", "", Match);
        check_stable("same unknown", "x", "x", Match);
        check_stable("two unknown", "x", "y", Match);
        check_stable("update", CHROME_WIN, CHROME_WIN_NEWER, Match);
        check_stable("desktop site, Chrome on Android", CHROME_ANDROID, CHROME_LINUX, Match);
        check_stable("desktop site, Safari on iPad", SAFARI_IPAD, SAFARI_MAC, Match);
        check_stable("desktop site, Chrome on iPhone", CHROME_IPHONE, CHROME_IPHONE_DESKTOP, Match);
        check_stable("desktop site, Firefox on iPhone", FIREFOX_IPHONE, SAFARI_MAC, Match);
        check_stable("and back", SAFARI_MAC, FIREFOX_IPHONE, Match);
        check_stable("Firefox on iPhone is no Safari there", FIREFOX_IPHONE, SAFARI_IPHONE, Mismatch);
        check_stable("another browser", CHROME_WIN, EDGE_WIN, Mismatch);
        check_stable("another engine", CHROME_WIN, FIREFOX_WIN, Mismatch);
        check_stable("another system", CHROME_WIN, CHROME_MAC, Mismatch);
        check_stable("Chrome and Safari on iPhone", CHROME_IPHONE, SAFARI_IPHONE, Mismatch);
        check_stable("curl", CHROME_WIN, "curl/8.5.0", Mismatch);
        check_stable("bot", CHROME_WIN, "Twitterbot/1.0", Mismatch);
        check_stable("two libraries", "curl/8.5.0", "python-requests/2.32.3", Mismatch);
        check_stable("newer curl", "curl/8.5.0", "curl/8.11.1", Match);
        check_stable("missing now", CHROME_WIN, "", Unrecognised);
        check_stable("missing then", "", CHROME_WIN, Unrecognised);
        check_stable("unknown now", CHROME_WIN, "hello", Unrecognised);
        check_stable("media helper", SAFARI_IPHONE, MEDIA, Unrecognised);
        check_stable("media helper, another system", CHROME_WIN, MEDIA, Unrecognised);
        check_stable("download helper", CHROME_ANDROID, DOWNLOAD, Unrecognised);
        check_stable("began in a helper", DOWNLOAD, CHROME_ANDROID, Unrecognised);
    }

    #[test]
    fn exact_mode() {
        use Verdict::{Match, Mismatch, Unrecognised};
        let then = headers(Some(CHROME_WIN), "de");
        let made = exact(&then);
        let check = |name: &str,
                     stored: Option<Fingerprint>,
                     stored_agent,
                     language,
                     agent: Option<&str>,
                     expected| {
            let request = headers(agent, language);
            let verdict =
                super::check(FingerprintMode::Exact, stored.as_ref(), stored_agent, agent, || {
                    exact(&request)
                });
            assert_eq!(verdict, expected, "{name}");
        };
        check("same", Some(made), Some(CHROME_WIN), "de", Some(CHROME_WIN), Match);
        check("language", Some(made), Some(CHROME_WIN), "en", Some(CHROME_WIN), Mismatch);
        check("update", Some(made), Some(CHROME_WIN), "de", Some(CHROME_WIN_NEWER), Mismatch);
        check("agent missing", Some(made), Some(CHROME_WIN), "de", None, Mismatch);
        let other_mode = Some(stable(Some(CHROME_WIN)));
        check(
            "made stable, update",
            other_mode,
            Some(CHROME_WIN),
            "en",
            Some(CHROME_WIN_NEWER),
            Match,
        );
        check(
            "made stable, another",
            other_mode,
            Some(CHROME_WIN),
            "de",
            Some(FIREFOX_WIN),
            Mismatch,
        );
        check("none, update", None, Some(CHROME_WIN), "de", Some(CHROME_WIN_NEWER), Match);
        check("nothing stored", None, None, "de", Some(CHROME_WIN), Unrecognised);
        check("nothing anywhere", None, None, "de", None, Match);
    }
}
