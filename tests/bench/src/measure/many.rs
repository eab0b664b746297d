//! The tree of many more objects, with a store that holds all of them.

use std::path::PathBuf;

use k1s_tests::program::FILESYSTEM_SOURCE;

use super::ground::Ground;
use super::host;
use super::side::Side;

/// A source over a tree, the data directory of its store, and what the first sync took.
pub(super) struct Many {
    /// The configuration of its source.
    pub(super) settings: Vec<String>,
    pub(super) data: PathBuf,
    pub(super) first: Side,
}

impl Many {
    /// Makes and syncs it.
    pub(super) fn make(ground: &Ground) -> anyhow::Result<Self> {
        let objects = ground.scale.many;
        let (tree, data) = (ground.planted("many", objects)?, ground.beside_stores("many"));
        let settings = vec![format!("path={}", tree.display())];
        let sync = |verdict: &str| {
            let expected = format!("{}{objects} {verdict} in ", host::SUMMARY);
            host::once(ground, FILESYSTEM_SOURCE, &settings, &data, &expected)
        };
        let first = sync("created")?.side;
        // The first run that finds nothing new says so in the source's status.
        sync("unchanged")?;
        Ok(Self { settings, data, first })
    }
}
