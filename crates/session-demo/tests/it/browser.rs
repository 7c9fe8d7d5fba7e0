//! A browser as far as sessions go: it keeps one cookie, and sends requests as they are written.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::demo::TOO_LONG;

pub(crate) const CHROME: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 \
     (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
pub(crate) const FIREFOX: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";

#[derive(Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    /// The session cookie's value.
    pub(crate) cookie: Option<String>,
    pub(crate) agent: &'static str,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookie: None, agent: CHROME }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, "").await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Reply {
        self.send(Method::DELETE, path, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn put(&mut self, path: &str, body: &Value) -> Reply {
        self.send(Method::PUT, path, body.to_string()).await
    }

    pub(crate) async fn form(&mut self, path: &str, fields: &str) -> Reply {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send_with(Method::POST, path, fields.to_owned(), &headers).await
    }

    /// Signs in, and returns the session.
    pub(crate) async fn login(&mut self, user: &str) -> Value {
        let reply = self.post("/api/login", &json!({ "user": user })).await;
        reply.check(200);
        reply.json()["session"].clone()
    }

    /// The session as the server tells it.
    pub(crate) async fn session(&mut self) -> Value {
        self.get("/api/session").await.check(200).json()["session"].clone()
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Reply {
        self.send_with(method, path, body, &[]).await
    }

    pub(crate) async fn send_with(
        &mut self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.host());
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, format!("_session={cookie}"));
        }
        if !self.agent.is_empty() {
            request = request.header(USER_AGENT, self.agent);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = self.exchange(request.body(Full::new(body.into())).unwrap()).await;
        match reply.cookie() {
            Some(cookie) if cookie.removes() => self.cookie = None,
            Some(cookie) => self.cookie = Some(cookie.value),
            None => {}
        }
        reply
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// One request on a connection of its own, as it is.
    pub(crate) async fn exchange(&self, request: Request<Full<Bytes>>) -> Reply {
        let what = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            let answer = async {
                let response = sender.send_request(request).await.unwrap();
                let (parts, body) = response.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                drop(sender);
                (parts, body)
            };
            let ((parts, body), _) = tokio::join!(answer, connection);
            Reply { what: what.clone(), status: parts.status, headers: parts.headers, body }
        };
        tokio::time::timeout(TOO_LONG, exchange).await.unwrap_or_else(|_| panic!("{what} hangs"))
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    what: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    #[track_caller]
    pub(crate) fn check(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        self
    }

    /// An error in its one form.
    #[track_caller]
    pub(crate) fn check_error(&self, status: u16, code: &str) -> &Self {
        self.check(status);
        let body = self.json();
        assert_eq!(body["error"], code, "{}: {body}", self.what);
        let message = body["message"].as_str().expect("a message");
        assert!(message.ends_with('.') && message.len() > 10, "{}: {message:?}", self.what);
        assert_eq!(body.as_object().unwrap().len(), 2, "{}: {body}", self.what);
        if status == 503 {
            let after = self.header("retry-after").expect("Retry-After");
            assert!(after.parse::<u32>().unwrap() > 0);
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header(CONTENT_TYPE.as_str()), Some("application/json"), "{}", self.what);
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text()))
    }

    #[track_caller]
    pub(crate) fn page(&self) -> String {
        let content_type = self.header(CONTENT_TYPE.as_str());
        assert_eq!(content_type, Some("text/html; charset=utf-8"), "{}", self.what);
        self.text()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The session cookie that it sets; there is never more than one.
    #[track_caller]
    pub(crate) fn cookie(&self) -> Option<Cookie> {
        let mut found = self.headers.get_all(SET_COOKIE).iter().map(|line| {
            let line = line.to_str().unwrap().to_owned();
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            Cookie { name: name.to_owned(), value, line: line.clone() }
        });
        let first = found.next();
        assert!(found.next().is_none(), "{}: two cookies", self.what);
        if first.is_some() {
            assert_eq!(self.header("cache-control"), Some("no-store"), "{}", self.what);
        }
        first
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: String,
}

impl Cookie {
    pub(crate) fn removes(&self) -> bool {
        self.value.is_empty()
    }

    /// How many seconds it lives: what is left of the session, which began a moment ago.
    #[track_caller]
    pub(crate) fn check_max_age(&self, seconds: u64) {
        let found = self.line.split("; ").find_map(|part| part.strip_prefix("Max-Age="));
        let found: u64 = found.and_then(|age| age.parse().ok()).expect("Max-Age");
        assert!((seconds - 60..=seconds).contains(&found), "{}", self.line);
    }

    pub(crate) fn says(&self, attribute: &str) -> bool {
        self.line.split("; ").any(|part| part.eq_ignore_ascii_case(attribute))
    }
}
