//! A plugin's log records as the host's own, without its secrets.

use std::future::Future;

use k1s_process::{LogLevel, LogRecord, OutputLine, OutputReceiver};
use k1s_source_proto::v1;
use k1s_sync_engine::id::SourceName;
use tracing::Level;

use super::redaction::Redaction;
use crate::config::SourceSettings;

/// What one plugin prints and sends to be logged.
#[derive(Debug)]
pub(super) struct Echo {
    source: SourceName,
    least: Level,
    lines: OutputReceiver,
    /// What must not be shown of anything the source says.
    pub(super) redaction: Redaction,
}

impl Echo {
    /// Logs what `settings` want to be logged of their source.
    pub(super) fn new(settings: &SourceSettings, lines: OutputReceiver) -> Self {
        Self {
            source: settings.name.clone(),
            least: settings.log_level.into(),
            lines,
            redaction: Redaction::default(),
        }
    }

    /// Waits for the next line and logs it; never ready again after the last one. Cancelling it loses nothing.
    pub(super) async fn step(&mut self) {
        match self.lines.recv().await {
            Some(line) => self.line(&line),
            None => std::future::pending().await,
        }
    }

    fn line(&self, line: &OutputLine) {
        if line.dropped_before > 0 {
            tracing::warn!(source = %self.source, dropped = line.dropped_before, "lines of the plugin were dropped");
        }
        let LogRecord {
            level,
            message,
            target,
            fields,
        } = LogRecord::parse(&line.text());
        let fields = fields
            .iter()
            .map(|(name, value)| format!(" {name}={value}"))
            .collect::<String>();
        self.emit(
            own_level(level),
            &target.unwrap_or_default(),
            &format!("{message}{fields}"),
        );
    }

    /// Does `work` while what the plugin prints is logged.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.step() => {}
            }
        }
    }

    /// Logs what is left of a plugin that is gone.
    pub(super) async fn finish(&mut self) {
        while let Some(line) = self.lines.recv().await {
            self.line(&line);
        }
    }

    /// Logs a record that a plugin sent.
    pub(super) fn record(&self, log: &v1::Log) {
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
        self.emit(level, &log.target, &format!("{}{fields}", log.message));
    }

    /// The macros want their level at compile time.
    fn emit(&self, level: Level, target: &str, message: &str) {
        // The more verbose a level, the greater it is.
        if level > self.least {
            return;
        }
        let (source, message) = (&self.source, self.redaction.text(message));
        let target = Some(target).filter(|target| !target.is_empty());
        match level {
            Level::ERROR => tracing::error!(source = %source, plugin_target = target, "{message}"),
            Level::WARN => tracing::warn!(source = %source, plugin_target = target, "{message}"),
            Level::INFO => tracing::info!(source = %source, plugin_target = target, "{message}"),
            Level::DEBUG => tracing::debug!(source = %source, plugin_target = target, "{message}"),
            Level::TRACE => tracing::trace!(source = %source, plugin_target = target, "{message}"),
        }
    }
}

fn own_level(level: LogLevel) -> Level {
    match level {
        LogLevel::Trace => Level::TRACE,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    }
}
