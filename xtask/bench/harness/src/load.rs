//! The client that loads a server: eight connections that are kept, each with a session of its own,
//! the next request when the answer to the last is in. A program of its own, on another core than the
//! server's, and as cheap as it can be.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What to do, given on the command line of the harness' hidden command.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Arguments {
    #[arg(long)]
    pub(crate) port: u16,
    /// `METHOD PATH` with `{n}` for the number of the request.
    #[arg(long)]
    pub(crate) request: String,
    #[arg(long)]
    pub(crate) connections: u32,
    #[arg(long)]
    pub(crate) warm_up_ms: u64,
    #[arg(long)]
    pub(crate) measure_ms: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
}

/// Warms up, says `ready`, waits for a line, loads, and prints what came of it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut clients = Vec::new();
        for nth in 0..arguments.connections {
            clients.push(Client::sign_in(arguments, nth).await?);
        }
        let (clients, _) = rush(clients, Duration::from_millis(arguments.warm_up_ms)).await?;
        println!("ready");
        std::io::stdout().flush()?;
        std::io::stdin().lock().read_line(&mut String::new())?;
        let begun = Instant::now();
        let (_, requests) = rush(clients, Duration::from_millis(arguments.measure_ms)).await?;
        let loaded = Loaded { requests, seconds: begun.elapsed().as_secs_f64() };
        println!("{}", serde_json::to_string(&loaded)?);
        Ok(())
    })
}

async fn rush(clients: Vec<Client>, time: Duration) -> Result<(Vec<Client>, u64)> {
    let end = Instant::now() + time;
    let mut tasks = tokio::task::JoinSet::new();
    for mut client in clients {
        tasks.spawn(async move {
            let mut requests = 0;
            while Instant::now() < end {
                client.send().await?;
                requests += 1;
            }
            anyhow::Ok((client, requests))
        });
    }
    let (mut clients, mut total) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (client, requests) = done??;
        clients.push(client);
        total += requests;
    }
    Ok((clients, total))
}

/// One connection with one session.
pub(crate) struct Client {
    stream: TcpStream,
    request: String,
    /// As they are sent, each `name=value`.
    cookies: Vec<String>,
    nth: u64,
    buffer: Vec<u8>,
}

impl Client {
    async fn sign_in(arguments: &Arguments, nth: u32) -> Result<Self> {
        let mut client = Self::connect(arguments.port).await?;
        client.exchange(&format!("POST /sign-in?user=user{nth}")).await?;
        client.request = arguments.request.clone();
        Ok(client)
    }

    pub(crate) async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        // As long as a session's cookie: a program that sets none pays for the header as well.
        let cookies = vec![format!("{ANOTHER}={}", "b".repeat(64))];
        Ok(Self { stream, request: String::new(), cookies, nth: 0, buffer: Vec::new() })
    }

    async fn send(&mut self) -> Result<()> {
        self.nth += 1;
        let request = self.request.replace("{n}", &format!("{:08}", self.nth));
        self.exchange(&request).await
    }

    /// One request and its answer, which must be a success. Cookies that it sets are kept.
    pub(crate) async fn exchange(&mut self, request: &str) -> Result<()> {
        let text = format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nuser-agent: {AGENT}\r\naccept: */*\r\n\
             cookie: {}\r\ncontent-length: 0\r\n\r\n",
            self.cookies.join("; ")
        );
        self.stream.write_all(text.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if let Some((status, set)) = whole(&self.buffer)? {
                if !(200..300).contains(&status) {
                    bail!("{request} was answered with {status}");
                }
                set.iter().for_each(|cookie| keep(&mut self.cookies, cookie));
                return Ok(());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server hung up on {request}");
            }
        }
    }
}

/// The same browser as in the counted loop.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// A cookie that no program knows.
const ANOTHER: &str = "_another";

/// Puts a Set-Cookie header's cookie into the place of one of its name, or takes that one away.
fn keep(cookies: &mut Vec<String>, set: &str) {
    let mut parts = set.split(';').map(str::trim);
    let cookie = parts.next().unwrap_or_default();
    let name = cookie.split('=').next().unwrap_or_default();
    let is = |cookie: &String, name: &str| cookie.split('=').next() == Some(name);
    cookies.retain(|kept| !is(kept, name) && !is(kept, ANOTHER));
    let is_removal = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
    if !is_removal {
        cookies.push(cookie.to_owned());
    }
}

/// The status and the Set-Cookie headers of an answer that has arrived to its end.
fn whole(buffer: &[u8]) -> Result<Option<(u16, Vec<String>)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer)? else { return Ok(None) };
    let find = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length: usize = find("content-length").context("an answer of no known length")?.parse()?;
    let set =
        response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("set-cookie"));
    let set = set.map(|header| String::from_utf8_lossy(header.value).into_owned()).collect();
    let is_whole = buffer.len() >= head + length;
    Ok(is_whole.then(|| (response.code.unwrap_or(0), set)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_whole_with_their_body() {
        let answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\ncontent-length: 2\r\n\r\nok";
        for length in [0, 10, answer.len() - 1] {
            assert!(whole(&answer[..length]).unwrap().is_none(), "{length}");
        }
        assert_eq!(whole(answer).unwrap(), Some((200, vec!["a=b; Path=/".to_owned()])));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn cookies_are_kept_by_their_names() {
        let mut cookies = vec!["_another=b".to_owned()];
        for (set, expected) in [
            ("a=1; Path=/", "a=1"),
            ("c=2", "a=1; c=2"),
            ("a=3; HttpOnly", "c=2; a=3"),
            ("c=; Max-Age=0; Path=/", "a=3"),
        ] {
            keep(&mut cookies, set);
            assert_eq!(cookies.join("; "), expected, "{set}");
        }
    }
}
