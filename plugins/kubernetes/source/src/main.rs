//! The executable `k1s-sync-kubernetes`: a source plugin over other clusters.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// What is listed is made of small pieces: the nodes of one object after the other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    k1s_source::serve::<k1s_sync_kubernetes::Kubernetes>()
}
