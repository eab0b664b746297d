//! Children as real processes: how they are confined, drained, connected to, stopped, and found when their host is gone.

#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod confinement;
mod lifecycle;
mod orphans;
mod output;
mod socket;
mod stage;
mod sweep;
