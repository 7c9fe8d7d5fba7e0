//! A browser as far as one cookie goes: [`Visitor`].

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody with the cookie that the last answer set.
#[derive(Debug, Default)]
pub(super) struct Visitor {
    /// `name=value`.
    pub(super) cookie: Option<String>,
}

/// What an application said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    what: String,
    status: u16,
    /// The lines of every Set-Cookie.
    cookies: Vec<String>,
    pub(super) body: String,
}

impl Visitor {
    pub(super) fn get(&mut self, address: SocketAddr, path: &str) -> Result<Answer> {
        self.ask(address, "GET", path)
    }

    pub(super) fn post(&mut self, address: SocketAddr, path: &str) -> Result<Answer> {
        self.ask(address, "POST", path)
    }

    fn ask(&mut self, address: SocketAddr, method: &str, path: &str) -> Result<Answer> {
        let what = format!("{method} http://{address}{path}");
        let cookie = self.cookie.iter().map(|pair| format!("Cookie: {pair}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Length: 0\r\n{}\r\n",
            cookie.collect::<String>()
        );
        let exchange = || -> Result<String> {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        let text = exchange().with_context(|| what.clone())?;
        let answer = Answer::read(what, &text)?;
        for line in &answer.cookies {
            let pair = line.split(';').next().unwrap_or_default().trim();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        Ok(answer)
    }
}

impl Answer {
    fn read(what: String, text: &str) -> Result<Self> {
        let (head, body) = text.split_once("\r\n\r\n").with_context(|| what.clone())?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':'));
        let cookies = headers.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let cookies = cookies.map(|(_, value)| value.trim().to_owned()).collect();
        let status = status.with_context(|| format!("{what}: {head}"))?;
        Ok(Self { what, status, cookies, body: body.to_owned() })
    }

    /// Nothing but this status will do.
    pub(super) fn is(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "{} is {}, not {status}", self.what, self.status);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let text = "HTTP/1.1 200 OK\r\nset-cookie: a=1; Path=/\r\nVary: Cookie\r\n\r\nbody\r\n\r\n";
        let answer = Answer::read("GET /".to_owned(), text).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "body\r\n\r\n"));
        assert_eq!(answer.cookies, ["a=1; Path=/"]);
        assert!(answer.is(401).is_err());
        for broken in ["", "HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert!(Answer::read("GET /".to_owned(), broken).is_err(), "{broken:?}");
        }
    }
}
