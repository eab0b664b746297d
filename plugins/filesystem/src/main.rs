//! The executable `k1s-sync-fs`: a source plugin over the filesystem.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// What is listed is made of small pieces: a file's path, version and keys, and the nodes of its documents.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    k1s_source::serve::<k1s_sync_fs::Filesystem>()
}
