//! The main job end to end, with the real programs: folders of manifests into a store with `run --once`.
#![forbid(unsafe_code)]

mod control;
mod crash;
mod hostile;
mod prune;
mod resync;
mod sources;
mod verbs;

use k1s_tests::scene;
