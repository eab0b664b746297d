//! The executable `k1s-bench-launch`: notes the time in a file and becomes another program.
//!
//! Its arguments are the file and that program with its own; the time is in nanoseconds of the clock that all processes of
//! the machine share.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use k1s_bench::cost;

fn main() -> ExitCode {
    let now = cost::now();
    let error = become_another(now.as_nanos()).unwrap_or_else(|error| error);
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Returns only what went wrong.
fn become_another(now: u128) -> anyhow::Result<anyhow::Error> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or_else(|| anyhow::anyhow!("two arguments are needed"))
    };
    let (file, program): (OsString, OsString) = (next()?, next()?);
    std::fs::write(file, now.to_string())?;
    Ok(Command::new(program).args(arguments).exec().into())
}
