//! Serves and counts a salvo application.

use http::header::SET_COOKIE;
use http_body_util::BodyExt;
use hyper::service::Service as HyperService;
use salvo_core::conn::{Acceptor, Listener, SocketAddr, TcpListener};
use salvo_core::http::uri::Scheme;
use salvo_core::http::{ReqBody, ResBody};
use salvo_core::{ConnCtrl, Router, Server, Service};

use crate::{Answer, Call, Failure, print_ready};

pub(crate) async fn serve(router: Router) -> Result<(), Failure> {
    let acceptor = TcpListener::new("127.0.0.1:0").try_bind().await?;
    let address = acceptor.holdings().first().map(|holding| holding.local_addr.clone());
    let address = address.and_then(SocketAddr::into_std).ok_or("it listens nowhere")?;
    print_ready(address.port());
    Server::new(acceptor).serve(router).await;
    Ok(())
}

/// What one connection of a server calls; salvo does not name its type.
struct Counted<S>(S);

pub(crate) fn counted(router: Router) -> impl Call {
    let peer = SocketAddr::IPv4(std::net::SocketAddrV4::new([127, 0, 0, 1].into(), 40_000));
    let service = Service::new(router);
    let connection = ConnCtrl::new();
    Counted(service.hyper_handler(peer.clone(), peer, Scheme::HTTP, None, connection, None))
}

impl<S> Call for Counted<S>
where
    S: HyperService<
            http::Request<ReqBody>,
            Response = http::Response<ResBody>,
            Error = hyper::Error,
        >,
{
    async fn call(&mut self, request: http::Request<()>) -> Result<Answer, Failure> {
        let response = self.0.call(request.map(|()| ReqBody::None)).await?;
        let (head, body) = response.into_parts();
        body.collect().await?;
        let cookies = head.headers.get_all(SET_COOKIE).iter();
        let cookies = cookies.map(|cookie| cookie.to_str().map(str::to_owned));
        Ok(Answer { status: head.status.as_u16(), cookies: cookies.collect::<Result<_, _>>()? })
    }
}
