//! Checks of the tree itself: what may depend on what, which libraries are let in, and how sources look.
//!
//! What these tests know of dependencies comes from `cargo metadata --locked`, so it is what a build would use. Each rule
//! is one test; what a rule lets pass is a list beside it, with the reason, and an entry that is no longer needed fails.
#![forbid(unsafe_code)]

mod advisories;
mod arrows;
mod crashes;
mod dependencies;
mod examples;
mod licences;
mod purity;
mod sources;
mod texts;
mod workspace;
