//! Serves and counts an axum application.

use axum::Router;
use axum::body::Body;
use axum::serve::ListenerExt;
use http::header::SET_COOKIE;
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tower_service::Service;

use crate::{Answer, Call, Failure, print_ready};

pub(crate) async fn serve(app: Router) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    print_ready(listener.local_addr()?.port());
    // As servers do: an answer is not held back for another one.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, app).await?)
}

pub(crate) struct Counted(pub(crate) Router);

impl Call for Counted {
    async fn call(&mut self, request: http::Request<()>) -> Result<Answer, Failure> {
        let response = self.0.call(request.map(|()| Body::empty())).await?;
        let (head, body) = response.into_parts();
        body.collect().await?;
        let cookies = head.headers.get_all(SET_COOKIE).iter();
        let cookies = cookies.map(|cookie| cookie.to_str().map(str::to_owned));
        Ok(Answer { status: head.status.as_u16(), cookies: cookies.collect::<Result<_, _>>()? })
    }
}
