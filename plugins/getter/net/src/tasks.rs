//! The tasks that keep connections going.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::rt::Executor;
use tokio::task::JoinSet;

/// Tasks that end with the last of their owners, so that no connection outlives the client and the answers it gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that ended are let go, so that there are as many as there are connections.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
