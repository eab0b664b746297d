//! `k1s-sync-getter fetch` as a black box: what it takes, and each bad input by its number in the table of advisories.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archives;
mod fetched;
#[cfg(feature = "git")]
mod locking;
mod making;
mod paths;
#[cfg(feature = "git")]
mod repositories;
