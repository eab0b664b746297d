//! The folder of ConfigMaps with a store that holds all of them, for rows about a host that stays.

use std::fs;
use std::path::{Path, PathBuf};

use k1s_tests::program::FILESYSTEM_SOURCE;

use super::daemon::Daemon;
use super::ground::{Ground, settle};
use super::host;
use crate::dump::STORE_FILE;
use crate::manifests;

/// A folder and the data directory of its store.
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) data: PathBuf,
}

impl Folder {
    /// Makes and syncs it.
    pub(super) fn make(ground: &Ground) -> anyhow::Result<Self> {
        let (root, data) = (ground.beside_trees("folder"), ground.beside_stores("folder"));
        let objects = ground.scale.objects;
        manifests::make(&root, objects)?;
        settle(&root, objects)?;
        let folder = Self { root, data };
        for verdict in ["created", "unchanged"] {
            let expected = format!("{}{objects} {verdict} in ", host::SUMMARY);
            host::once(
                ground,
                FILESYSTEM_SOURCE,
                &folder.settings(&[]),
                &folder.data,
                &expected,
            )?;
        }
        Ok(folder)
    }

    /// The configuration of the source, with more of it.
    pub(super) fn settings(&self, more: &[&str]) -> Vec<String> {
        let mut settings = vec![format!("path={}", self.root.display())];
        settings.extend(more.iter().map(|setting| (*setting).to_owned()));
        settings
    }

    /// Starts a host over the folder and its store, and waits until everything was found unchanged.
    pub(super) fn host(&self, ground: &Ground, more: &[&str]) -> anyhow::Result<Daemon> {
        Daemon::start(ground, FILESYSTEM_SOURCE, &self.settings(more), &self.data)
    }

    /// Writes every file as it was when the store was filled; a host that starts then reads all of them again.
    pub(super) fn restore(&self, ground: &Ground) -> anyhow::Result<()> {
        (0..ground.scale.objects).try_for_each(|number| manifests::write(&self.root, number, 0))
    }

    /// Copies the store to another data directory.
    pub(super) fn copy_store(&self, to: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(to)?;
        fs::copy(self.data.join(STORE_FILE), to.join(STORE_FILE))?;
        Ok(())
    }
}
