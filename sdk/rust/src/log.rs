//! Logs: one JSON object a line on standard error, with level and fields, as the host reads them.

use std::io;
use std::panic;

use tracing_subscriber::EnvFilter;

/// The variable that chooses what is logged, in the syntax of `tracing_subscriber`'s `EnvFilter`.
const FILTER_VARIABLE: &str = "K1S_SOURCE_LOG";
/// What is logged otherwise. The host filters by level as well.
const FILTER: &str = "info";

/// Starts logging. An author who set a subscriber before keeps it.
pub(crate) fn init() {
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(FILTER));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if subscriber.try_init().is_err() {
        tracing::debug!("logging was set up before");
    }
    // What a panic says goes into its problem, cleaned of secrets; the log names only the place.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}
