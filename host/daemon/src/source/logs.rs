//! A plugin's log records, as the host's own.

use k1s_process::{LogLevel, LogRecord, OutputLine};
use k1s_source_proto::v1;
use k1s_sync_engine::id::SourceName;
use tracing::Level;

/// Logs a line that a plugin printed.
pub(super) fn line(source: &SourceName, line: &OutputLine) {
    let record = LogRecord::parse(&line.text());
    let fields = record
        .fields
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect::<String>();
    let target = record.target.unwrap_or_default();
    if line.dropped_before > 0 {
        tracing::warn!(source = %source, dropped = line.dropped_before, "lines of the plugin were dropped");
    }
    emit(
        source,
        level(record.level),
        &target,
        &format!("{}{fields}", record.message),
    );
}

/// Logs a record that a plugin sent.
pub(super) fn record(source: &SourceName, log: &v1::Log) {
    let fields = log
        .fields
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect::<String>();
    let level = match v1::log::Level::try_from(log.level) {
        Ok(v1::log::Level::Error) => Level::ERROR,
        Ok(v1::log::Level::Warn) => Level::WARN,
        Ok(v1::log::Level::Debug) => Level::DEBUG,
        Ok(v1::log::Level::Trace) => Level::TRACE,
        Ok(v1::log::Level::Info | v1::log::Level::Unspecified) | Err(_) => Level::INFO,
    };
    emit(source, level, &log.target, &format!("{}{fields}", log.message));
}

fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Trace => Level::TRACE,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    }
}

/// The macros want their level at compile time.
fn emit(source: &SourceName, level: Level, target: &str, message: &str) {
    match level {
        Level::ERROR => tracing::error!(source = %source, plugin_target = target, "{message}"),
        Level::WARN => tracing::warn!(source = %source, plugin_target = target, "{message}"),
        Level::INFO => tracing::info!(source = %source, plugin_target = target, "{message}"),
        Level::DEBUG => tracing::debug!(source = %source, plugin_target = target, "{message}"),
        Level::TRACE => tracing::trace!(source = %source, plugin_target = target, "{message}"),
    }
}
