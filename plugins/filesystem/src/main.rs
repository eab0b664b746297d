//! The executable `k1s-sync-fs`: a source plugin over the filesystem.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    k1s_source::serve::<k1s_sync_fs::Filesystem>()
}
