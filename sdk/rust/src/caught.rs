//! Runs what the author wrote so that a panic becomes a problem and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::Problem;

/// Runs a future to its end or to its panic. What it borrowed may be in any valid state after a panic.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Problem> {
    let mut future = pin!(future);
    std::future::poll_fn(
        move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(Problem::panicked(&*payload))),
        },
    )
    .await
}

/// Calls a function up to its end or its panic.
pub(crate) fn caught_call<T>(call: impl FnOnce() -> T) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| Problem::panicked(&*payload))
}
