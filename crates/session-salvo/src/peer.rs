//! Who is at the other end of the connection.

use salvo_core::conn::SocketAddr;
use salvo_core::{Depot, Request};
use session_core::Peer;

/// A [`Peer`] that a handler outside put into the depot or the request, or the connection's own
/// address.
pub(crate) fn peer(request: &Request, depot: &Depot) -> Peer {
    let given = depot.get_typed::<Peer>().ok().or_else(|| request.extensions().get());
    given.copied().unwrap_or_else(|| of_connection(request.remote_addr()))
}

fn of_connection(address: &SocketAddr) -> Peer {
    #[cfg(unix)]
    if matches!(address, SocketAddr::Unix(_)) {
        return Peer::UnixSocket;
    }
    // What is neither, such as a kind that salvo adds one day, is not trusted.
    address.ip().map_or(Peer::Unknown, Peer::Ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let [v4, v6] = ["192.0.2.1:80", "[2001:db8::1]:80"].map(|address| {
            let address: std::net::SocketAddr = address.parse().unwrap();
            (Peer::Ip(address.ip()), SocketAddr::from(address))
        });
        for (expected, address) in [v4, v6, (Peer::Unknown, SocketAddr::Unknown)] {
            assert_eq!(of_connection(&address), expected);
        }
    }

    #[test]
    fn what_was_put_in_wins() {
        let [in_depot, in_extensions, of_connection] =
            [1, 2, 3].map(|last| Peer::Ip([192, 0, 2, last].into()));
        let (mut request, mut depot) = (Request::new(), Depot::new());
        assert_eq!(peer(&request, &depot), Peer::Unknown);
        *request.remote_addr_mut() = std::net::SocketAddr::from(([192, 0, 2, 3], 80)).into();
        assert_eq!(peer(&request, &depot), of_connection);
        request.extensions_mut().insert(in_extensions);
        assert_eq!(peer(&request, &depot), in_extensions);
        depot.insert_typed(in_depot);
        assert_eq!(peer(&request, &depot), in_depot);
    }
}
