//! The host dies at each step of a session: H1 to H11 of `docs/reliability.md`.

use crate::trial::Way::{Host, HostOverPlugin};
use crate::trial::When::{Changed, First, Live, Stopping};
use crate::trial::{Trial, run_all};

/// Of a listing into an empty store.
pub(crate) const FIRST_LISTING: &[Trial] = &[
    ("H1", First, Host("H1")),
    ("H2", First, Host("H2")),
    ("H3", First, Host("H3:2")),
    ("H4", First, HostOverPlugin("K3,K4")),
    ("H5", First, Host("H5:300")),
    // The commits of a new store: its identity, the epoch of the launch, and then what the source says.
    ("H6", First, Host("H6")),
    ("H6", First, Host("H6:2")),
    ("H6", First, Host("H3,H6")),
    ("H7", First, Host("H7")),
    ("H7", First, Host("H3,H7")),
    ("H8a", First, Host("H8")),
    ("H8b", First, Host("H8,H7")),
];

/// Of a listing after changes that no host saw.
pub(crate) const PRUNING_LISTING: &[Trial] = &[
    ("H1", Changed, Host("H1")),
    ("H2", Changed, Host("H2")),
    ("H3", Changed, Host("H3")),
    ("H4", Changed, HostOverPlugin("K3,K4")),
    ("H5", Changed, Host("H5:300")),
    ("H6", Changed, Host("H3,H6")),
    ("H7", Changed, Host("H3,H7")),
    ("H8a", Changed, Host("H8")),
    ("H9a", Changed, Host("H9")),
    ("H9b", Changed, Host("H9,H7")),
    ("H11", Changed, Host("H11")),
    ("H11", Changed, Host("H12")),
];

/// Of changes that are followed, and of the end.
pub(crate) const LIVE_AND_END: &[Trial] = &[
    ("H3", Live, Host("H8,H3")),
    ("H4", Live, HostOverPlugin("K8,K3,K4")),
    ("H5", Live, Host("H8,H3,H5:3")),
    ("H6", Live, Host("H8,H3,H6")),
    ("H7", Live, Host("H8,H3,H7")),
    ("H9a", Live, Host("H9")),
    ("H9b", Live, Host("H9,H7")),
    ("H10", Stopping, Host("H10")),
];

#[test]
fn of_a_first_listing() -> anyhow::Result<()> {
    run_all(21, FIRST_LISTING)
}

#[test]
fn of_a_listing_that_prunes() -> anyhow::Result<()> {
    run_all(22, PRUNING_LISTING)
}

#[test]
fn of_changes_that_are_followed_and_of_the_end() -> anyhow::Result<()> {
    run_all(23, LIVE_AND_END)
}
