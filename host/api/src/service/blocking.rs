//! Reads of the store away from the threads that answer requests.

use k1s_store::StoreError;

use super::failure::Failure;

/// Runs a read of the store where it may block.
///
/// # Errors
/// What the read failed with, or 500 when it was given up because the host stops.
pub(crate) async fn reading<T, F>(read: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    Ok(attempting(read).await??)
}

/// The same, for who has its own words for what can go wrong.
///
/// # Errors
/// 500 when the read was given up because the host stops.
pub(crate) async fn attempting<T, F>(read: F) -> Result<Result<T, StoreError>, Failure>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_| Failure::internal("the read was given up"))
}
