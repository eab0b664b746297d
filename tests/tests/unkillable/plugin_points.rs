//! The plugin dies at each step of a session: K1 to K10 of `docs/reliability.md`.

use crate::trial::Way::{Plugin, PluginUnderHost};
use crate::trial::When::{Changed, First, Live, Stopping};
use crate::trial::{Trial, run_all};

/// Of a listing into an empty store.
pub(crate) const FIRST_LISTING: &[Trial] = &[
    ("K1", First, Plugin("K1")),
    ("K2", First, Plugin("K2")),
    ("K3", First, Plugin("K3:2")),
    ("K4", First, Plugin("K3,K4")),
    ("K5", First, Plugin("K5:300")),
    ("K6", First, PluginUnderHost("H3:2")),
    ("K7", First, PluginUnderHost("H3,H7")),
    ("K8a", First, Plugin("K8")),
    ("K8b", First, PluginUnderHost("H8")),
];

/// Of a listing after changes that no host saw.
pub(crate) const PRUNING_LISTING: &[Trial] = &[
    ("K1", Changed, Plugin("K1")),
    ("K2", Changed, Plugin("K2")),
    ("K3", Changed, Plugin("K3")),
    ("K4", Changed, Plugin("K3,K4")),
    ("K5", Changed, Plugin("K5:5")),
    ("K6", Changed, PluginUnderHost("H3")),
    ("K7", Changed, PluginUnderHost("H3,H7")),
    ("K8a", Changed, Plugin("K8")),
    ("K8b", Changed, PluginUnderHost("H8")),
    ("K9b", Changed, PluginUnderHost("H9")),
    ("K9c", Changed, PluginUnderHost("H9,H7")),
];

/// Of changes that are followed, and of the end.
pub(crate) const LIVE_AND_END: &[Trial] = &[
    ("K3", Live, Plugin("K8,K3")),
    ("K4", Live, Plugin("K8,K3,K4")),
    ("K5", Live, Plugin("K8,K5:5")),
    ("K6", Live, PluginUnderHost("H8,H3")),
    ("K7", Live, PluginUnderHost("H8,H3,H7")),
    ("K9a", Live, Plugin("K9")),
    ("K9b", Live, PluginUnderHost("H9")),
    ("K9c", Live, PluginUnderHost("H9,H7")),
    ("K10", Stopping, Plugin("K10")),
];

#[test]
fn of_a_first_listing() -> anyhow::Result<()> {
    run_all(11, FIRST_LISTING)
}

#[test]
fn of_a_listing_that_prunes() -> anyhow::Result<()> {
    run_all(12, PRUNING_LISTING)
}

#[test]
fn of_changes_that_are_followed_and_of_the_end() -> anyhow::Result<()> {
    run_all(13, LIVE_AND_END)
}
