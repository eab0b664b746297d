//! What signals mean to a host that runs.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::RunError;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The end.
    Stop,
    /// The configuration, read again.
    Reload,
}

/// The signals that the host answers.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    on_hangup: Wanted,
}

impl Signals {
    /// Answers signals from here on. A hangup means that the terminal is gone where there is one, and a change of the
    /// configuration where there is none.
    pub(super) fn watch() -> Result<Self, RunError> {
        let watch = |kind| signal(kind).map_err(RunError::Signals);
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: watch(SignalKind::hangup())?,
            on_hangup: if has_terminal() { Wanted::Stop } else { Wanted::Reload },
        })
    }

    /// Waits for the next signal; cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.interrupt.recv() => Wanted::Stop,
            _ = self.terminate.recv() => Wanted::Stop,
            _ = self.hangup.recv() => self.on_hangup,
        }
    }
}

/// Whether the process has a controlling terminal: only then this file can be opened.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}
