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
    cookie: String,
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
        let cookie = format!("_another={}", "b".repeat(64));
        Ok(Self { stream, request: String::new(), cookie, nth: 0, buffer: Vec::new() })
    }

    async fn send(&mut self) -> Result<()> {
        self.nth += 1;
        let request = self.request.replace("{n}", &format!("{:08}", self.nth));
        self.exchange(&request).await
    }

    /// One request and its answer, which must be a success. A cookie that it sets is kept.
    pub(crate) async fn exchange(&mut self, request: &str) -> Result<()> {
        let text = format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nuser-agent: {AGENT}\r\naccept: */*\r\n\
             cookie: {}\r\ncontent-length: 0\r\n\r\n",
            self.cookie
        );
        self.stream.write_all(text.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if let Some((status, cookie)) = whole(&self.buffer)? {
                if !(200..300).contains(&status) {
                    bail!("{request} was answered with {status}");
                }
                if let Some(cookie) = cookie {
                    self.cookie = cookie;
                }
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

/// The status and the first cookie of an answer that has arrived to its end.
fn whole(buffer: &[u8]) -> Result<Option<(u16, Option<String>)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer)? else { return Ok(None) };
    let find = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length: usize = find("content-length").context("an answer of no known length")?.parse()?;
    let cookie = find("set-cookie").and_then(|cookie| cookie.split(';').next());
    let is_whole = buffer.len() >= head + length;
    Ok(is_whole.then(|| (response.code.unwrap_or(0), cookie.map(str::to_owned))))
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
        assert_eq!(whole(answer).unwrap(), Some((200, Some("a=b".to_owned()))));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
