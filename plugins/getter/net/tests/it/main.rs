//! The client against real servers and proxies on loopback. Tests that are named by a letter and a number are a row of the
//! table of bad inputs that fetchers must survive.

#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what these tests set up has to work, and what is not the one case asked for fails them"
)]

mod authority;
mod conditions;
mod credentials;
mod downloads;
mod endless;
mod origins;
mod proxies;
mod reach;
mod redirects;
mod secrets;
mod servers;
mod socket;
mod through;
mod trust;
