//! What a source is told by people, and what became of it.

use k1s_api::control::{OrderError, OrderOutcome, RootRule};
use tokio::sync::oneshot;

/// Where the answer to an order goes; nobody waits any more when it is closed.
pub(crate) type Reply = oneshot::Sender<Result<OrderOutcome, OrderError>>;

/// What a source is told, by whom, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) wish: Wish,
    pub(crate) user: Box<str>,
    pub(crate) reply: Reply,
}

/// What a source is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Stop running; objects stay.
    Suspend,
    /// Run again, or try again at once.
    Resume,
    /// Forget where it went on from, and begin anew.
    Reset,
    /// List everything now.
    Sync {
        /// Names the request.
        requested_at: Box<str>,
        root: RootRule,
    },
}
