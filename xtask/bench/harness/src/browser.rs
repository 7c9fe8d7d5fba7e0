//! A browser: a cookie jar and a client with no cookies of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cookie::Cookie;
use reqwest::Client;
use reqwest::header::{ACCEPT, COOKIE, SET_COOKIE, USER_AGENT};
use time::OffsetDateTime;

/// One browser's, as every request of a session comes from the same.
pub(crate) const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// How long a browser waits: longer than the thirty seconds for which pools of sqlx wait where nobody
/// says otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status, or 0 where nothing came back in time or the connection broke.
    pub(crate) status: u16,
    pub(crate) body: String,
    cookies: Vec<String>,
}

impl Answer {
    pub(crate) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it takes the cookie of this name from the browser.
    pub(crate) fn clears(&self, name: &str) -> bool {
        self.changes().any(|(changed, value)| changed == name && value.is_none())
    }

    /// Every Set-Cookie: its name, and its value or that it is to be removed.
    fn changes(&self) -> impl Iterator<Item = (String, Option<String>)> {
        self.cookies.iter().filter_map(|header| {
            let cookie = Cookie::parse(header.as_str()).ok()?;
            let gone = cookie.max_age().is_some_and(|age| !age.is_positive())
                || (cookie.max_age().is_none()
                    && cookie.expires_datetime().is_some_and(|at| at <= OffsetDateTime::now_utc()));
            Some((cookie.name().to_owned(), (!gone).then(|| cookie.value().to_owned())))
        })
    }
}

/// The cookies that a browser holds. It keeps to names, values and lifetimes; every program under
/// test listens at one origin with Path `/`, and a browser would reach it over HTTPS, so that
/// `Secure` is no hindrance.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    client: Client,
    origin: String,
    jar: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(client: &Client, origin: &str) -> Self {
        Self { client: client.clone(), origin: origin.to_owned(), jar: BTreeMap::new() }
    }

    /// A browser elsewhere that holds the same cookies.
    pub(crate) fn copy(&self) -> Self {
        self.clone()
    }

    /// The same browser, before another server over the same database.
    pub(crate) fn before(&self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self.clone() }
    }

    /// The session's cookie: the longest there is.
    pub(crate) fn session_cookie(&self) -> Option<(&str, &str)> {
        let longest = self.jar.iter().max_by_key(|(_, value)| value.len());
        longest.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Plants a cookie.
    pub(crate) fn hold(&mut self, name: &str, value: &str) {
        self.jar.insert(name.to_owned(), value.to_owned());
    }

    /// What stands in the Cookie header.
    pub(crate) fn cookies(&self) -> String {
        let pairs = self.jar.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Sends with the cookies of now; what comes back changes nothing yet.
    pub(crate) async fn send(&self, method: &str, path: &str) -> Answer {
        self.try_send(method, path).await.unwrap_or(Answer {
            status: 0,
            body: String::new(),
            cookies: Vec::new(),
        })
    }

    async fn try_send(&self, method: &str, path: &str) -> Result<Answer> {
        let url = format!("{}{path}", self.origin);
        let mut request = self
            .client
            .request(method.parse()?, url)
            .timeout(PATIENCE)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*");
        if !self.jar.is_empty() {
            request = request.header(COOKIE, self.cookies());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let cookies = response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| value.to_str().map(str::to_owned))
            .collect::<Result<_, _>>()?;
        Ok(Answer { status, body: response.text().await?, cookies })
    }

    /// Does with an answer's cookies what a browser does when it arrives.
    pub(crate) fn receive(&mut self, answer: &Answer) {
        for (name, value) in answer.changes() {
            match value {
                Some(value) => self.jar.insert(name, value),
                None => self.jar.remove(&name),
            };
        }
    }

    /// Sends, and receives what comes back.
    pub(crate) async fn go(&mut self, method: &str, path: &str) -> Answer {
        let answer = self.send(method, path).await;
        self.receive(&answer);
        answer
    }

    /// Signs in, or says why that went wrong.
    pub(crate) async fn sign_in(&mut self, user: &str) -> Result<()> {
        let answer = self.go("POST", &format!("/sign-in?user={user}")).await;
        anyhow::ensure!(answer.ok(), "signing in was answered with {}", answer.status);
        anyhow::ensure!(self.user().await.as_deref() == Some(user), "signed in, and is not {user}");
        Ok(())
    }

    /// Who is signed in here, as the program sees it. The answer's cookies are received.
    pub(crate) async fn user(&mut self) -> Option<String> {
        let answer = self.go("GET", "/me").await;
        answer.ok().then_some(answer.body)
    }

    /// What the session holds.
    pub(crate) async fn data(&mut self) -> Result<BTreeMap<String, serde_json::Value>> {
        let answer = self.go("GET", "/data").await;
        anyhow::ensure!(answer.ok(), "/data was answered with {}", answer.status);
        serde_json::from_str(&answer.body).context("/data is no JSON object")
    }
}
