//! What a verb's end means to the shell.

use std::process::{ExitCode, Termination};

/// How a verb ended, as an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Done: exit code 0.
    Done,
    /// There are differences, or only part of the work could be done: exit code 1.
    Partial,
    /// It failed, or was called wrongly: exit code 2.
    Failed,
}

impl Outcome {
    /// The exit code as a number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Partial => 1,
            Self::Failed => 2,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

impl Termination for Outcome {
    fn report(self) -> ExitCode {
        self.into()
    }
}
