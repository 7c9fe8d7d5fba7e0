//! A server's front door that can be shut: what stands between a backend and its database, and
//! behaves like a network or a server that fails.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How the way to the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Connections stay, and nothing comes through: a server that hangs, a cable that was pulled.
    Silent,
    /// Connections end, and new ones are refused.
    Shut,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// The number counts the restarts.
    way: watch::Sender<(Way, u32)>,
    /// Where new connections lead.
    server: watch::Sender<String>,
    /// How often the connections were muted.
    muted: watch::Sender<u32>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = watch::Sender::new((Way::Open, 0));
        let mut tasks = JoinSet::new();
        let server = watch::Sender::new(server);
        let muted = watch::Sender::new(0);
        tasks.spawn(accept(listener, server.subscribe(), way.subscribe(), muted.subscribe()));
        Self { address, way, server, muted, _tasks: tasks }
    }

    /// New connections lead to another server, as after a failover; those that there are stay.
    pub(crate) fn lead_to(&self, server: String) {
        self.server.send_replace(server);
    }

    /// Ends every connection; new ones are welcome, as after a quick restart.
    pub(crate) fn restart(&self) {
        self.way.send_modify(|(_, restarts)| *restarts += 1);
    }

    pub(crate) fn hang(&self) {
        self.way.send_modify(|(way, _)| *way = Way::Silent);
    }

    /// Nothing comes through on the connections that there are; new ones are welcome: a host that went away
    /// without a word, and another in its place.
    pub(crate) fn mute(&self) {
        self.muted.send_modify(|muted| *muted += 1);
    }

    /// As if the hanging server went on.
    pub(crate) fn open(&self) {
        self.way.send_modify(|(way, _)| *way = Way::Open);
    }

    pub(crate) fn shut(&self) {
        self.way.send_modify(|(way, _)| *way = Way::Shut);
    }
}

async fn accept(
    listener: TcpListener,
    server: watch::Receiver<String>,
    mut way: watch::Receiver<(Way, u32)>,
    muted: watch::Receiver<u32>,
) {
    let mut connections = JoinSet::new();
    loop {
        let door = way.clone();
        tokio::select! {
            _ = way.wait_for(|(way, _)| *way == Way::Shut) => return,
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    let server = server.borrow().clone();
                    let mut muted = muted.clone();
                    muted.mark_unchanged();
                    connections.spawn(forward(client, server, door, muted));
                }
            }
        }
    }
}

async fn forward(
    mut client: TcpStream,
    server: String,
    mut way: watch::Receiver<(Way, u32)>,
    mut muted: watch::Receiver<u32>,
) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let restarts = way.borrow().1;
    loop {
        let (state, seen) = *way.borrow_and_update();
        if state == Way::Shut || seen != restarts {
            return;
        }
        tokio::select! {
            biased;
            _ = way.changed() => {}
            Ok(()) = muted.changed() => std::future::pending().await,
            _ = copy_bidirectional(&mut client, &mut server), if state == Way::Open => return,
        }
    }
}
