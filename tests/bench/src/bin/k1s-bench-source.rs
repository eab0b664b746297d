//! The executable `k1s-bench-source`: a source that sends everything it has in every listing.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use k1s_bench::replay::Replay;

fn main() -> ExitCode {
    k1s_source::serve::<Replay>()
}
