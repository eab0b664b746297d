//! Chains of clouds and Apps, against services on loopback that look at what they are asked as the real ones do.

#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod amazon;
mod app;
mod azure;
mod fake;
mod google;
mod key;
mod reach;
