//! Orders on their way from the API's requests to the loop of the host.

use k1s_api::control::{Answer, Control, Order, OrderError, OrderOutcome};
use tokio::sync::{mpsc, oneshot};

/// An order, who wants it, and who waits.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) order: Order,
    pub(super) user: Box<str>,
    reply: oneshot::Sender<Result<OrderOutcome, OrderError>>,
}

impl Request {
    /// Answers whoever asked.
    pub(super) fn answer(self, outcome: Result<OrderOutcome, OrderError>) {
        if self.reply.send(outcome).is_err() {
            tracing::debug!("whoever gave an order did not wait for its outcome");
        }
    }
}

/// Hands orders to the loop of the host.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    host: mpsc::Sender<Request>,
}

impl Requests {
    pub(super) fn new(host: mpsc::Sender<Request>) -> Self {
        Self { host }
    }
}

impl Control for Requests {
    fn order(&self, order: Order, user: Box<str>) -> Answer<'_> {
        Box::pin(async move {
            let (reply, outcome) = oneshot::channel();
            let request = Request { order, user, reply };
            self.host.send(request).await.map_err(|_| OrderError::Stopping)?;
            outcome.await.map_err(|_| OrderError::Stopping)?
        })
    }
}
