//! Logs of the host and its plugins, on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::cli::LogFormat;
use crate::config::LogLevel;

/// Begins to log; the environment variable `K1S_SYNC_LOG` may hold a finer filter.
pub(crate) fn start(format: LogFormat, level: LogLevel) {
    let default = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let filter = EnvFilter::builder()
        .with_env_var("K1S_SYNC_LOG")
        .try_from_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,k1s_sync_host={default}")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(SystemTime);
    match format {
        LogFormat::Human => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
