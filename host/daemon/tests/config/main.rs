//! Configurations, wrong and right: what is refused is refused at its line and column.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod accepted;
mod documented;
mod fields;
mod files;
mod plugins;
mod schemas;
mod stage;
