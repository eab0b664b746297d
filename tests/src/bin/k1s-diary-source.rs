//! The executable `k1s-diary-source`: writes down each acknowledgement it gets, in the file that `K1S_DIARY` names.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match k1s_tests::diary::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
