//! How a child ended, in a form for people and for decisions.

use std::fmt;
use std::path::PathBuf;

use rustix::process::{Signal, WaitIdStatus};

use crate::output::OutputCounts;

/// A shell whose last command was ended by a signal exits with this and the signal's number (POSIX XCU 2.8.2).
const SHELL_SIGNAL_BASE: i32 = 128;

/// How the process itself ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The system did not tell, because something else in the host collected the status.
    Unknown,
}

impl ExitStatus {
    pub(crate) fn from_wait(status: &WaitIdStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }

    /// Tells whether SIGKILL ended the process, or a child of the shell that it is.
    pub(crate) fn tells_of_sigkill(self) -> bool {
        let signal = Signal::KILL.as_raw();
        match self {
            Self::Signal(number) => number == signal,
            Self::Code(code) => code == SHELL_SIGNAL_BASE + signal,
            Self::Unknown => false,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exited with code {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(formatter, "killed by signal {signal} ({name})"),
                None => write!(formatter, "killed by signal {signal}"),
            },
            Self::Unknown => formatter.write_str("ended in an unknown way"),
        }
    }
}

/// What is known about a child that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitReport {
    /// How its process ended; other members of its group may have ended otherwise.
    pub status: ExitStatus,
    /// Whether the kernel killed it for lack of memory, as far as the counters of its control group tell; `None` where
    /// there are none.
    pub oom_killed: Option<bool>,
    /// The last 64 KiB it printed on both streams, in the order in which lines were read.
    pub last_output: Vec<u8>,
    /// What it printed over its whole life.
    pub output: OutputCounts,
    /// Its private directory, if that could not be removed; the sweep of the next start tries again.
    pub leftover: Option<PathBuf>,
}

impl ExitReport {
    /// The report of a child whose end nobody saw.
    pub(crate) fn lost() -> Self {
        Self {
            status: ExitStatus::Unknown,
            oom_killed: None,
            last_output: Vec::new(),
            output: OutputCounts::default(),
            leftover: None,
        }
    }
}

impl fmt::Display for ExitReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        match self.oom_killed {
            Some(true) => formatter.write_str(", out of memory"),
            Some(false) | None => Ok(()),
        }
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    names
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_tells_of_its_child() {
        use ExitStatus::{Code, Signal, Unknown};
        let cases = [
            (Signal(9), true),
            (Code(137), true),
            (Signal(15), false),
            (Code(9), false),
            (Unknown, false),
        ];
        for (status, expected) in cases {
            assert_eq!(status.tells_of_sigkill(), expected, "{status}");
        }
    }

    #[test]
    fn reads_like_a_sentence() {
        let report = |status, oom_killed| ExitReport {
            status,
            oom_killed,
            last_output: Vec::new(),
            output: OutputCounts::default(),
            leftover: None,
        };
        let cases = [
            (report(ExitStatus::Code(3), None), "exited with code 3"),
            (
                report(ExitStatus::Signal(11), Some(false)),
                "killed by signal 11 (SIGSEGV)",
            ),
            (
                report(ExitStatus::Signal(9), Some(true)),
                "killed by signal 9 (SIGKILL), out of memory",
            ),
            (report(ExitStatus::Signal(63), None), "killed by signal 63"),
            (report(ExitStatus::Unknown, None), "ended in an unknown way"),
        ];
        for (report, text) in cases {
            assert_eq!(report.to_string(), text);
        }
    }
}
