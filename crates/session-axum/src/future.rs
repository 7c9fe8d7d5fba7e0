//! [`SessionFuture`]: the response on its way out.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use session_core::{Conclusion, Error, ErrorKind, Visit};

use crate::answer::{Shape, answered, in_place_of, shaped};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The future of a response that goes through the layer.
    ///
    /// 1. It waits for the inner service. A panic that nobody in there catches passes through: what was
    ///    buffered is dropped with the request, and the cookie of a sign-in that had committed is lost.
    /// 2. A session that nobody asked for costs nothing more.
    /// 3. Otherwise the session is concluded: saved, and its headers put onto the response, which
    ///    becomes an error if saving failed.
    /// 4. If the inner service fails, that counts as a 500: what was buffered is dropped. Its error
    ///    passes through, unless this request has changed the session's token, such as by a sign-in.
    ///    Then the browser must get the cookie, or its user is signed out: the error becomes a 500 of
    ///    ours that carries it, is logged, and is the source of what
    ///    [`on_error`](crate::SessionLayer::on_error) is told.
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
        Calling { #[pin] future: F, visit: Option<Visit>, shape: Option<Shape> },
        // Boxed, so that a request which never uses its session does not carry room for it.
        Concluding { future: BoxFuture<Result<Response<Body>, E>> },
        Answered { response: Option<Response<Body>> },
    }
}

impl<F, E> SessionFuture<F, E> {
    pub(crate) const fn calling(future: F, visit: Visit, shape: Option<Shape>) -> Self {
        Self { step: Step::Calling { future, visit: Some(visit), shape } }
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
    E: Into<BoxError> + Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepProjection::Calling { future, visit, shape } => {
                    let called = ready!(future.poll(context));
                    let shape = shape.take();
                    let Some(visit) = visit.take() else {
                        // Polled again after it was ready, as below.
                        return Poll::Pending;
                    };
                    if let Some(conclusion) = visit.finish_without_io(status(&called)) {
                        return Poll::Ready(match called {
                            Ok(response) => {
                                let mut response = shaped(response, shape.as_ref());
                                conclusion.apply(response.headers_mut());
                                Ok(response)
                            }
                            Err(error) => failed(&visit, conclusion, error, shape.as_ref()),
                        });
                    }
                    let future = Box::pin(conclude(visit, called, shape));
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

/// Concludes the session, and says what goes out.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice")]
pub(crate) fn conclude<R, E>(
    visit: Visit,
    called: Result<Response<R>, E>,
    shape: Option<Shape>,
) -> impl Future<Output = Result<Response<Body>, E>> + Send
where
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
    E: Into<BoxError> + Send + 'static,
{
    async move {
        let mut conclusion = visit.finish(status(&called)).await;
        let response = match called {
            Ok(response) => response,
            Err(error) => return failed(&visit, conclusion, error, shape.as_ref()),
        };
        let mut response = match conclusion.take_error() {
            Some(error) => in_place_of(response, &error, shape.as_ref()),
            None => shaped(response, shape.as_ref()),
        };
        conclusion.apply(response.headers_mut());
        Ok(response)
    }
}

/// An answer of ours has its own status here, whatever the application's shape makes of it later: a
/// server error drops what was buffered.
fn status<R, E>(called: &Result<Response<R>, E>) -> StatusCode {
    called.as_ref().map_or(StatusCode::INTERNAL_SERVER_ERROR, Response::status)
}

/// What goes out if the inner service failed.
#[cold]
fn failed<E: Into<BoxError>>(
    visit: &Visit,
    conclusion: Conclusion,
    error: E,
    shape: Option<&Shape>,
) -> Result<Response<Body>, E> {
    // A cookie that only slides is sent another time.
    if !(visit.has_changed_token() && conclusion.carries_cookie()) {
        return Err(error);
    }
    let error = Error::new(ErrorKind::Internal, error)
        .with_context("the service inside of the session's layer failed");
    let mut response = answered(&error, shape);
    conclusion.apply(response.headers_mut());
    Ok(response)
}

impl<F, E> fmt::Debug for SessionFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
