//! Logs of the host and its plugins, on standard error.
//!
//! The host's own records go by one level. Those of plugins are let through here: each source has a level of its own, by
//! which `source::logs` judges.

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::cli::LogFormat;
use crate::config::LogLevel;

/// The module that logs what plugins say.
const PLUGINS: &str = "k1s_sync_host::source::logs";

/// Begins to log; the environment variable `K1S_SYNC_LOG` may hold a finer filter.
pub(crate) fn start(format: LogFormat, level: LogLevel) {
    let filter = EnvFilter::builder()
        .with_env_var("K1S_SYNC_LOG")
        .try_from_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,k1s_sync_host={},{PLUGINS}=trace", Level::from(level))));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(SystemTime);
    match format {
        LogFormat::Human => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
