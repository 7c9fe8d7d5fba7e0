//! What one request sends to PostgreSQL: statements, transactions, pings and round trips, read on the
//! wire between the program under test and the server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::database::Databases;
use crate::load::Client;
use crate::programs::{Program, Store};
use crate::serve::Served;
use crate::wire::{Asked, Frontend};

/// How many requests are sent before counting, so that each statement is prepared, and how many are
/// counted.
const BEFORE: u64 = 20;
const COUNTED: u64 = 50;

/// What one request asked for, on average.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PerRequest {
    /// All statements, `BEGIN` and `COMMIT` among them.
    pub(crate) statements: f64,
    /// `BEGIN`, `COMMIT` and `ROLLBACK`.
    pub(crate) transaction: f64,
    /// Nothing, or a statement that is empty or only a comment: what asks whether the connection
    /// lives. The driver's pool does so once whenever a connection is given back.
    pub(crate) pings: f64,
    pub(crate) round_trips: f64,
    /// How often a statement was parsed that could have been prepared.
    pub(crate) parsed: f64,
    /// How the statements begin, in their order in one request.
    pub(crate) texts: Vec<String>,
}

pub(crate) fn count(
    program: &Program,
    store: Store,
    request: &str,
    databases: &Databases,
) -> Result<PerRequest> {
    let proxy = Proxy::start(&databases.postgres_address()?)?;
    let url = proxy.in_front_of(&databases.fresh(store)?)?;
    let served = Served::start(program, &url, 2)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = Client::connect(served.port).await?;
        client.exchange("POST /sign-in?user=alice").await?;
        let send = |nth: u64| request.replace("{n}", &format!("{nth:08}"));
        for nth in 0..BEFORE {
            client.exchange(&send(nth)).await?;
        }
        proxy.take();
        for nth in BEFORE..BEFORE + COUNTED {
            client.exchange(&send(nth)).await?;
        }
        Ok(per_request(&proxy.take()))
    })
}

fn per_request(asked: &Asked) -> PerRequest {
    let each = |number: usize| number as f64 / COUNTED as f64;
    let of = |is: fn(&str) -> bool| {
        each(asked.statements.iter().filter(|statement| is(statement)).count())
    };
    let in_one = (asked.statements.len() as u64).div_ceil(COUNTED);
    let first = asked.statements.iter().take(usize::try_from(in_one).unwrap_or(usize::MAX));
    PerRequest {
        statements: each(asked.statements.len()),
        transaction: of(is_transaction),
        pings: of(is_ping) + f64::from(asked.pings) / COUNTED as f64,
        round_trips: f64::from(asked.round_trips) / COUNTED as f64,
        parsed: f64::from(asked.parsed) / COUNTED as f64,
        texts: first.map(|text| shortened(text)).collect(),
    }
}

fn is_transaction(statement: &str) -> bool {
    let word = statement.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    ["BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"]
        .contains(&word.trim_end_matches(';'))
}

fn is_ping(statement: &str) -> bool {
    let text = statement.trim().trim_end_matches(';');
    text.is_empty() || (text.starts_with("/*") && text.ends_with("*/")) || text == "SELECT 1"
}

/// `SELECT`, or `SELECT … name_of_a_function(` where one is called from FROM.
fn shortened(statement: &str) -> String {
    let mut words = statement.split_whitespace();
    let Some(verb) = words.next().map(str::to_ascii_uppercase) else { return "(empty)".to_owned() };
    let called = words.skip_while(|word| !word.eq_ignore_ascii_case("from")).nth(1);
    match called.and_then(|word| word.split_once('(')) {
        Some((function, _)) if !function.is_empty() => format!("{verb} {function}()"),
        _ => verb,
    }
}

/// Passes everything on, and remembers what clients asked for.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Asked>>,
}

impl Proxy {
    /// Its threads end with the connections, and the one that listens with this process.
    fn start(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self { port: listener.local_addr()?.port(), asked: Arc::default() };
        let (server, asked) = (server.to_owned(), proxy.asked.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(&server) {
                    let asked = asked.clone();
                    thread::spawn(move || pass_on(client, server, &asked));
                }
            }
        });
        Ok(proxy)
    }

    /// The database's URL with this in the place of the server.
    fn in_front_of(&self, url: &str) -> Result<String> {
        let (head, tail) = url.rsplit_once('/').context("a URL without a database")?;
        let end = head.rfind(['@', '/']).context("a URL without a server")?;
        Ok(format!("{}127.0.0.1:{}/{tail}", &head[..=end], self.port))
    }

    /// What was asked for since the last call.
    fn take(&self) -> Asked {
        self.asked.lock().map(|mut asked| std::mem::take(&mut *asked)).unwrap_or_default()
    }
}

fn pass_on(client: TcpStream, server: TcpStream, asked: &Mutex<Asked>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (Ok(mut answers), Ok(mut to_client)) = (server.try_clone(), client.try_clone()) else {
        return;
    };
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let (mut client, mut server) = (client, server);
    let (mut frontend, mut buffer) = (Frontend::default(), [0; 8192]);
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        frontend.read(&buffer[..length]);
        // Before the server has it: whoever sees the answer finds it counted.
        let new = std::mem::take(&mut frontend.asked);
        if let Ok(mut asked) = asked.lock() {
            asked.statements.extend(new.statements);
            asked.round_trips += new.round_trips;
            asked.pings += new.pings;
            asked.parsed += new.parsed;
        }
        if server.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart() {
        for (text, transaction, ping, short) in [
            ("BEGIN", true, false, "BEGIN"),
            ("commit;", true, false, "COMMIT;"),
            ("/* SQLx ping */", false, true, "/*"),
            ("", false, true, "(empty)"),
            ("SELECT a FROM sessions WHERE b", false, false, "SELECT"),
            ("SELECT a FROM update_v1($1)", false, false, "SELECT update_v1()"),
            ("select count(a) from (select 1)", false, false, "SELECT"),
        ] {
            assert_eq!(is_transaction(text), transaction, "{text}");
            assert_eq!(is_ping(text), ping, "{text}");
            assert_eq!(shortened(text), short, "{text}");
        }
    }

    #[test]
    fn the_proxy_takes_the_servers_place() {
        let proxy = Proxy { port: 9, asked: Arc::default() };
        for (url, expected) in [
            ("postgres://me@[::1]:5/a?b=c", "postgres://me@127.0.0.1:9/a?b=c"),
            ("moka+postgres://host/a", "moka+postgres://127.0.0.1:9/a"),
        ] {
            assert_eq!(proxy.in_front_of(url).unwrap(), expected);
        }
    }
}
