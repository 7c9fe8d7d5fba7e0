//! A way to a database that can be cut and restored, as a network does it.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Forwards connections until it is cut.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    to: SocketAddr,
    forwarding: Option<AbortHandle>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr) -> Result<Self> {
        let mut proxy = Self { port: 0, to, forwarding: None };
        proxy.restore().await?;
        Ok(proxy)
    }

    /// Breaks every connection and refuses new ones.
    pub(crate) fn cut(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.abort();
        }
    }

    /// Forwards again, at the same port.
    pub(crate) async fn restore(&mut self) -> Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .await
            .context("cannot listen for the database")?;
        self.port = listener.local_addr()?.port();
        self.forwarding = Some(tokio::spawn(forward(listener, self.to)).abort_handle());
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

/// The connections end with this task: the set that holds them is dropped.
async fn forward(listener: TcpListener, to: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        connections.spawn(async move {
            if let Ok(mut far) = TcpStream::connect(to).await {
                // A broken connection is what this is for.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}
