//! Bodies of requests: how much memory they take together, and how slowly they may come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use http_body::{Frame, SizeHint};

use crate::errors::ApiError;

/// The memory that all bodies share.
#[derive(Debug)]
pub(crate) struct Buffers {
    free: AtomicUsize,
}

/// What one request has of it, until it is answered.
#[derive(Debug)]
pub(crate) struct Share {
    buffers: Arc<Buffers>,
    taken: AtomicUsize,
}

impl Buffers {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(bytes) })
    }
}

/// Counts the bytes of a body for as long as the share is there, and ends it where it pauses for so long.
pub(crate) fn count(buffers: &Arc<Buffers>, body: Body, timeout: Duration) -> (Body, Arc<Share>) {
    let share = Arc::new(Share { buffers: Arc::clone(buffers), taken: AtomicUsize::new(0) });
    if body.is_end_stream() {
        return (body, share);
    }
    let sleep = Box::pin(tokio::time::sleep(timeout));
    (Body::new(Counted { body, share: Arc::clone(&share), timeout, sleep }), share)
}

impl Share {
    fn take(&self, bytes: usize) -> bool {
        let taken = self
            .buffers
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(bytes))
            .is_ok();
        if taken {
            self.taken.fetch_add(bytes, Ordering::AcqRel);
        }
        taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.buffers.free.fetch_add(*self.taken.get_mut(), Ordering::AcqRel);
    }
}

/// Why a body ended early.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Ended {
    #[error("the server holds as many requests as it has memory for: try again in a second")]
    Full,
    #[error("the rest of the body did not come in time: send it faster")]
    TooSlow,
}

/// A body whose bytes count until the request is answered, and which may not pause for long.
struct Counted {
    body: Body,
    share: Arc<Share>,
    timeout: Duration,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                this.sleep.as_mut().reset(tokio::time::Instant::now() + this.timeout);
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                    _ => 0,
                };
                if !this.share.take(bytes) {
                    return Poll::Ready(Some(Err(Ended::Full.into())));
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => match this.sleep.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Ended::TooSlow.into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a body could not be read: the reason may lie below errors of other crates.
pub(crate) fn reason(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<Ended>() {
            Some(Ended::Full) => return ApiError::busy(Ended::Full.to_string()),
            Some(Ended::TooSlow) => {
                let message = Ended::TooSlow.to_string();
                return ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message);
            }
            None => next = error.source(),
        }
    }
    ApiError::invalid("the body ended before it was whole: send it again")
}
