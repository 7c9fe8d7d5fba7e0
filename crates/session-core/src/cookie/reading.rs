//! What a request sends under the session cookie's name.
//!
//! Read by us and on bytes: a `Cookie` header may hold anything that another application on the same host
//! has set, bytes above 0x7F included, and that must not hide our own (law `every_cookie_header_read`).

use http::{HeaderMap, HeaderValue, header};

use super::{Candidates, CookieRules, Presented};

impl CookieRules {
    /// The different well-formed tokens that a request sends under our name, in the order sent; at
    /// most four.
    ///
    /// Well-formed is what this server may have issued: 64 lower-case hexadecimal characters; behind
    /// them, if signing is on, a dot and a right signature (law `forged_cookie_costs_nothing`).
    /// If it is off, a dot and 43 characters of a signature are ignored.
    ///
    /// Law `every_cookie_header_read`: all `Cookie` headers are read, other cookies may hold any
    /// bytes, and names that only begin or end like ours are others. A value in double quotes is
    /// not well-formed: browsers send a value as it was set, and we set none in quotes.
    ///
    /// One pass, no allocation; a request without cookies ends at the header map.
    #[must_use]
    pub fn candidates<'h>(&self, headers: &'h HeaderMap) -> Candidates<'h> {
        self.candidates_in(headers.get_all(header::COOKIE).iter())
    }

    /// The same for the values of all `Cookie` headers.
    pub(crate) fn candidates_in<'h>(
        &self,
        lines: impl Iterator<Item = &'h HeaderValue>,
    ) -> Candidates<'h> {
        let mut found = Candidates::none();
        for line in lines {
            let line = line.as_bytes();
            let mut start = 0;
            for end in memchr::memchr_iter(b';', line).chain([line.len()]) {
                let value = self.value_in(&line[start..end]);
                value.into_iter().for_each(|value| found.add(value, &self.signatures));
                start = end + 1;
            }
        }
        found
    }

    /// All that is sent under our name, in the values of all `Cookie` headers.
    pub(crate) fn presented_in<'h>(
        &self,
        lines: impl Iterator<Item = &'h HeaderValue>,
    ) -> Presented<'h> {
        let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        Presented::of(pairs.filter_map(|pair| self.value_in(pair)), &self.signatures)
    }

    /// The token of a program, which is spelt like a cookie's value.
    pub(crate) fn candidates_of<'h>(&self, bearer: Option<&'h [u8]>) -> Candidates<'h> {
        let mut found = Candidates::none();
        bearer.into_iter().for_each(|value| found.add(value, &self.signatures));
        found
    }

    /// The same, for a sign-out.
    pub(crate) fn presented_of<'h>(&self, bearer: Option<&'h [u8]>) -> Presented<'h> {
        Presented::of(bearer.into_iter(), &self.signatures)
    }

    /// The value of a `name=value` pair, if the name is ours.
    pub(super) fn value_in<'h>(&self, pair: &'h [u8]) -> Option<&'h [u8]> {
        let rest = pair.trim_ascii_start().strip_prefix(self.name.as_bytes())?;
        Some(rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules_of as rules;
    use super::*;

    /// `{a}` to `{f}` stand for different tokens. `expected`: the letters found, then `!` if a
    /// cookie of our name was sent and `+` if there were too many.
    fn check_candidates(name: &str, lines: &[&[u8]], expected: &str) {
        let mut headers = HeaderMap::new();
        for line in lines {
            let mut bytes = line.to_vec();
            for letter in b'a'..=b'f' {
                let mark = [b'{', letter, b'}'];
                while let Some(at) = bytes.windows(3).position(|w| w == mark) {
                    bytes.splice(at..at + 3, [letter; 64]);
                }
            }
            headers.append(header::COOKIE, HeaderValue::from_bytes(&bytes).unwrap());
        }
        let rules = rules("_session", |_| {});
        let found = rules.candidates(&headers);
        let mut text: String = found.iter().map(|value| char::from(value[0])).collect();
        assert_eq!((found.len(), found.is_empty()), (text.len(), text.is_empty()), "{name}");
        text.extend(found.named.then_some('!').into_iter().chain(found.truncated().then_some('+')));
        assert_eq!(text, expected, "{name}");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn reading() {
        check_candidates("no header", &[], "");
        check_candidates("empty header", &[b""], "");
        check_candidates("alone", &[b"_session={a}"], "a!");
        check_candidates("among others", &[b"x=1; _session={a}; y=2"], "a!");
        check_candidates("several headers", &[b"x=1", b"y=2; _session={a}", b"z=3"], "a!");
        check_candidates("name begins alike", &[b"_session2={a}; _session_={b}"], "");
        check_candidates("name ends alike", &[b"x_session={a}; __session={b}"], "");
        check_candidates("inside a value", &[b"x=_session={a}"], "");
        check_candidates("another case", &[b"_SESSION={a}"], "");
        check_candidates("bytes above 0x7F", &[b"x=\xff\xfe; _session={a}; y=\x80"], "a!");
        check_candidates("bytes above 0x7F around", &[b"\xe4_session={b}; _session={a}\xe4"], "!");
        check_candidates("white space", &[b"  x = 1 ;\t_session = {a} \t;"], "a!");
        check_candidates("no white space", &[b"x=1;_session={a};y=2"], "a!");
        check_candidates("only separators", &[b";;; ;"], "");
        check_candidates("no equals sign", &[b"_session; x; _session={a}"], "a!");
        check_candidates("quoted", &[b"_session=\"{a}\""], "!");
        check_candidates("empty value", &[b"_session="], "!");
        check_candidates("capitals", &[b"_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], "!");
        check_candidates("too short", &[b"_session=abc"], "!");
        check_candidates("too long", &[b"_session={a}0"], "!");
        check_candidates("half signed", &[b"_session={a}.sig"], "!");
        check_candidates("signed, which is ignored", &[b"_session={a}.0123456789-abcdefghijklmnopqrstuvwxyz_ABCDE"], "a!");
        check_candidates("signed twice", &[b"_session={a}.0123456789-abcdefghijklmnopqrstuvwxyz_ABCDE; _session={a}"], "a!");
        check_candidates("a dot", &[b"_session={a}."], "!");
        check_candidates("no base64url", &[b"_session={a}.0123456789+abcdefghijklmnopqrstuvwxyz/ABCDE"], "!");
        check_candidates("malformed and good", &[b"_session=x; _session={a}"], "a!");
        check_candidates("order", &[b"_session={b}; _session={a}", b"_session={c}"], "bac!");
        check_candidates("same twice", &[b"_session={a}; _session={b}", b"_session={a}"], "ab!");
        check_candidates("four", &[b"_session={a}; _session={b}; _session={c}; _session={d}; _session={a}"], "abcd!");
        check_candidates("five", &[b"_session={a}; _session={b}; _session={c}; _session={d}; _session={e}; _session={f}"], "abcd!+");
    }

    #[test]
    fn candidates_do_not_print() {
        let mut headers = HeaderMap::new();
        let line = format!("_session={}", "a".repeat(64));
        headers.append(header::COOKIE, HeaderValue::from_str(&line).unwrap());
        let text = format!("{:?}", rules("_session", |_| {}).candidates(&headers));
        assert_eq!(text, "Candidates { len: 1, named: true, truncated: false, .. }");
    }
}
