//! The executable `k1s-sync-fs` as a host meets it: over its socket, on real trees.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod configuration;
mod host;
mod hostile;
mod live;
mod live_faults;
mod live_moves;
mod permission;
mod roots;
mod snapshot;
mod unchanged;
