//! The response that is being written, as far as it is not ours: what it was before, and the
//! framework's cookie jar.

use http::HeaderMap;
use salvo_core::Response;
use salvo_core::http::ResBody;
use salvo_core::http::cookie::Cookie;
use session_core::answer;

/// What a response was when its request came to the session handler: what handlers outside have
/// written, such as a request's id, and what an answer of ours leaves alone.
pub(crate) struct Before(Option<Box<Written>>);

struct Written {
    headers: HeaderMap,
    cookies: Vec<Cookie<'static>>,
}

impl Before {
    /// Costs nothing if nothing was written.
    pub(crate) fn of(response: &Response) -> Self {
        if response.headers.is_empty() && response.cookies.delta().next().is_none() {
            return Self(None);
        }
        Self(Some(Box::new(Written {
            headers: response.headers.clone(),
            cookies: response.cookies.delta().cloned().collect(),
        })))
    }

    /// Takes away what the handlers behind have written: cookies, status and body, and of their
    /// headers those that may speak of what they did.
    pub(crate) fn restore(self, response: &mut Response) {
        let (mut headers, cookies) = match self.0 {
            Some(written) => (written.headers, written.cookies),
            None => Default::default(),
        };
        let mut kept = std::mem::take(&mut response.headers);
        answer::retain_beside_error(&mut kept);
        // It has the lines from outside too, and takes the place of those.
        headers.extend(kept);
        response.headers = headers;
        response.cookies.reset_delta();
        for cookie in cookies {
            response.cookies.add(cookie);
        }
        response.status_code = None;
        response.body = ResBody::None;
    }
}

/// Takes cookies of this name out of the jar, before salvo makes headers of it: law
/// `one_cookie_per_response`. What the request brought stays readable.
pub(crate) fn drop_from_jar(response: &mut Response, name: &str) {
    let is_ours = |cookie: &Cookie<'_>| {
        // The jar is written percent-encoded, names too.
        let line = cookie.encoded().to_string();
        line.split(['=', ';']).next().is_some_and(|theirs| theirs.trim_ascii() == name)
    };
    if !response.cookies.delta().any(is_ours) {
        return;
    }
    tracing::warn!(target: "session", "dropped a cookie of the session's name from the jar");
    let kept: Vec<_> =
        response.cookies.delta().filter(|cookie| !is_ours(cookie)).cloned().collect();
    response.cookies.reset_delta();
    for cookie in kept {
        response.cookies.add(cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salvo_core::http::StatusCode;
    use salvo_core::http::cookie::CookieJar;

    fn lines(response: Response) -> Vec<String> {
        let headers = response.into_hyper().headers().clone();
        let lines = headers.get_all("set-cookie").iter();
        let mut lines: Vec<_> = lines.map(|line| line.to_str().unwrap().to_owned()).collect();
        lines.sort();
        lines
    }

    #[test]
    fn only_ours_leaves_the_jar() {
        let mut jar = CookieJar::new();
        jar.add_original(Cookie::new("_session", "brought"));
        jar.add_original(Cookie::new("theme", "dark"));
        let mut response = Response::with_cookies(jar);
        response.add_cookie(Cookie::new("_session", "x"));
        response.add_cookie(Cookie::new("_session2", "y"));
        response.remove_cookie("theme");
        drop_from_jar(&mut response, "_session");
        assert_eq!(response.cookie("_session").map(Cookie::value), Some("brought"));
        let lines = lines(response);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0] == "_session2=y" && lines[1].starts_with("theme=;"), "{lines:?}");
    }

    #[test]
    fn a_removal_is_a_cookie_too() {
        let mut response = Response::new();
        response.remove_cookie("_session");
        drop_from_jar(&mut response, "_session");
        assert_eq!(lines(response), Vec::<String>::new());
    }

    #[test]
    fn names_count_as_they_are_written() {
        let mut response = Response::new();
        response.add_cookie(Cookie::new("a b", "x"));
        drop_from_jar(&mut response, "a%20b");
        assert_eq!(lines(response), Vec::<String>::new());
    }

    #[test]
    fn what_was_there_before_comes_back() {
        let mut response = Response::new();
        response.headers.insert("x-request-id", "7".parse().unwrap());
        response.add_cookie(Cookie::new("outer", "1"));
        let before = Before::of(&response);
        response.headers.insert("etag", "x".parse().unwrap());
        response.headers.insert("vary", "origin".parse().unwrap());
        response.add_cookie(Cookie::new("outer", "2"));
        response.add_cookie(Cookie::new("inner", "3"));
        response.status_code(StatusCode::CREATED).render("created");
        before.restore(&mut response);
        assert!(response.status_code.is_none() && response.body.is_none());
        assert_eq!(response.headers.keys().collect::<Vec<_>>(), ["x-request-id", "vary"]);
        assert_eq!(lines(response), ["outer=1"]);
    }
}
