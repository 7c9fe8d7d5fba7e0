//! What goes over the wire to PostgreSQL: a proxy that looks at what the client sends.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What was counted. The server answers where it is told to: at a `Sync` or a `Query`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) round_trips: u64,
    /// Of these, those that carry no statement: the driver's pool asks so whether a connection that
    /// came back is whole. Nobody waits for it.
    pub(crate) pings: u64,
    /// Statements that were run.
    pub(crate) executes: u64,
    /// Statements that were prepared.
    pub(crate) parses: u64,
}

#[derive(Default)]
struct Counters {
    round_trips: AtomicU64,
    pings: AtomicU64,
    executes: AtomicU64,
    parses: AtomicU64,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    counters: Arc<Counters>,
}

impl Proxy {
    /// A way to `server` (host and port), for as long as the runtime lives.
    pub(crate) async fn to(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let proxy = Self { address: listener.local_addr()?, counters: Arc::default() };
        let counters = proxy.counters.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { return };
                // One message each way: nothing is gained by waiting for more.
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let ((from_client, mut to_client), (mut from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, counters.clone()));
                tokio::spawn(
                    async move { tokio::io::copy(&mut from_server, &mut to_client).await },
                );
            }
        });
        Ok(proxy)
    }

    pub(crate) fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Counts {
            round_trips: of(&self.counters.round_trips),
            pings: of(&self.counters.pings),
            executes: of(&self.counters.executes),
            parses: of(&self.counters.parses),
        }
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            round_trips: self.round_trips - before.round_trips,
            pings: self.pings - before.pings,
            executes: self.executes - before.executes,
            parses: self.parses - before.parses,
        }
    }
}

/// Hands on message by message. The first one has no type; those that ask for encryption are
/// answered with a byte and followed by another first one.
async fn forward(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    counters: Arc<Counters>,
) -> Result<()> {
    const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
    loop {
        let length = client.read_u32().await?;
        let mut body = vec![0; length.saturating_sub(4) as usize];
        client.read_exact(&mut body).await?;
        server.write_all(&length.to_be_bytes()).await?;
        server.write_all(&body).await?;
        let code = body.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        if !code.is_some_and(|code| ENCRYPTION.contains(&code)) {
            break;
        }
    }
    let mut has_statement = false;
    loop {
        let kind = client.read_u8().await?;
        let length = client.read_u32().await?;
        let mut message = Vec::with_capacity(length as usize + 1);
        message.push(kind);
        message.extend(length.to_be_bytes());
        message.resize(length as usize + 1, 0);
        client.read_exact(&mut message[5..]).await?;
        let counted = match kind {
            b'S' if !has_statement => {
                counters.round_trips.fetch_add(1, Ordering::SeqCst);
                Some(&counters.pings)
            }
            b'S' | b'Q' => Some(&counters.round_trips),
            b'E' => Some(&counters.executes),
            b'P' => Some(&counters.parses),
            _ => None,
        };
        has_statement = kind != b'S' && kind != b'Q';
        if let Some(counter) = counted {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        server.write_all(&message).await?;
    }
}
