//! The entry point of a plugin's executable.
use std::process::ExitCode;

use crate::Source;

/// Serves `S` to the host that started this process.
pub fn serve<S: Source>() -> ExitCode {
    ExitCode::FAILURE
}
