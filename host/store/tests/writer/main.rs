//! What the writer makes of what sources say: scenarios for each rule, failures at every write, and random sources
//! against a plain model.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod apply;
mod control;
mod documents;
mod failure;
mod faulty;
mod harness;
mod history;
mod hold;
mod kinds;
mod listing;
mod live;
mod local;
mod model;
mod namespaces;
mod ownership;
mod prune;
mod reads;
mod release;
mod root;
mod seen;
mod selection;
mod session;
