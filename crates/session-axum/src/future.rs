//! [`SessionFuture`]: the response on its way out.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;
use session_core::Visit;

use crate::answer::{answer, reshape};
use crate::layer::OnError;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The future of a response that goes through the layer.
    ///
    /// 1. It waits for the inner service. A panic in there passes through, and what was buffered is
    ///    dropped with the request.
    /// 2. A session that nobody asked for costs nothing more.
    /// 3. Otherwise the session is concluded: saved, and its headers put onto the response, which
    ///    becomes an error where saving failed.
    ///
    /// Dropped before it is done, it leaves the session wholly saved or not at all.
    pub struct SessionFuture<F, E> {
        #[pin]
        step: Step<F, E>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F, E> {
        Calling { #[pin] future: F, visit: Option<Visit>, on_error: Option<OnError> },
        // Boxed, so that a request which never uses its session does not carry room for it.
        Concluding { future: BoxFuture<Result<Response<Body>, E>> },
        Answered { response: Option<Response<Body>> },
    }
}

impl<F, E> SessionFuture<F, E> {
    pub(crate) const fn calling(future: F, visit: Visit, on_error: Option<OnError>) -> Self {
        Self { step: Step::Calling { future, visit: Some(visit), on_error } }
    }

    pub(crate) fn boxed(future: BoxFuture<Result<Response<Body>, E>>) -> Self {
        Self { step: Step::Concluding { future } }
    }

    pub(crate) fn answered(response: axum_core::response::Response) -> Self {
        Self { step: Step::Answered { response: Some(response) } }
    }
}

impl<F, R, E> Future for SessionFuture<F, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepProjection::Calling { future, visit, on_error } => {
                    let response = ready!(future.poll(context))?;
                    let on_error = on_error.take();
                    let mut response = shaped(response, on_error.as_ref());
                    let Some(visit) = visit.take() else {
                        return Poll::Ready(Ok(response));
                    };
                    if let Some(conclusion) = visit.finish_without_io(response.status()) {
                        conclusion.apply(response.headers_mut());
                        return Poll::Ready(Ok(response));
                    }
                    let future =
                        Box::pin(async move { Ok(conclude(visit, response, on_error).await) });
                    this.step.set(Step::Concluding { future });
                }
                StepProjection::Concluding { future } => return future.as_mut().poll(context),
                StepProjection::Answered { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response)),
                        // Polled again after it was ready, which the contract of `Future` forbids.
                        None => Poll::Pending,
                    };
                }
            }
        }
    }
}

/// An answer of ours that an extractor or a handler gave takes the application's shape.
pub(crate) fn shaped<R>(mut response: Response<R>, on_error: Option<&OnError>) -> Response<Body>
where
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    match on_error.and_then(|shape| reshape(&mut response, shape)) {
        Some(ours) => ours,
        None => response.map(Body::new),
    }
}

pub(crate) async fn conclude(
    visit: Visit,
    mut response: Response<Body>,
    on_error: Option<OnError>,
) -> Response<Body> {
    let mut conclusion = visit.finish(response.status()).await;
    if let Some(error) = conclusion.take_error() {
        response = answer(&error, on_error.as_ref());
    }
    conclusion.apply(response.headers_mut());
    response
}

impl<F, E> fmt::Debug for SessionFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
