//! The API, called in process over a store in memory.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod control;
mod daemon;
mod discovery;
mod documents;
mod fuzz;
mod harness;
mod health;
mod read;
mod requests;
