//! Where measurements happen: trees in memory, because making files dominates on disks; stores on a disk, because being
//! durable is part of the job.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use k1s_store::Table;
use k1s_tests::eventually;
use k1s_tests::tree::{Layout, Tree};
use rustix::fs::statfs;
use tempfile::TempDir;

use super::host::{self, Finished, Job};
use super::row::StoreSize;
use crate::dump::{Dump, STORE_FILE};
use crate::walk;

/// The seed of the tree: every measurement has the same one.
const SEED: u64 = 1;
/// A younger file is not remembered by its state, so that the next sync would read it again (contract.md §3).
const SETTLED: Duration = Duration::from_secs(2);
/// Longest wait for a tree to settle.
const SETTLING: Duration = Duration::from_secs(30);
/// The rows that an unchanged run may change: the epoch of its launch.
const LAUNCHES: &[Table] = &[Table::Sources];
/// File systems by their magic number (statfs(2)).
const FILE_SYSTEMS: [(u64, &str); 5] = [
    (0x0102_1994, TMPFS),
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x794c_7630, "overlayfs"),
];
const TMPFS: &str = "tmpfs";

/// Directories, programs, and the tree.
pub(super) struct Ground {
    pub(super) objects: u64,
    programs: PathBuf,
    trees: TempDir,
    stores: TempDir,
    runtime: TempDir,
    tree: OnceCell<PathBuf>,
}

impl Ground {
    pub(super) fn new(programs: PathBuf, trees: &Path, stores: &Path, objects: u64) -> anyhow::Result<Self> {
        let inside = |directory: &Path| {
            let made = tempfile::Builder::new().prefix("k1s-bench-").tempdir_in(directory);
            made.with_context(|| format!("making a directory in {}", directory.display()))
        };
        Ok(Self {
            objects,
            programs,
            trees: inside(trees)?,
            stores: inside(stores)?,
            runtime: tempfile::tempdir()?,
            tree: OnceCell::new(),
        })
    }

    /// Checks that trees are in memory and stores are not.
    pub(super) fn check_places(&self) -> anyhow::Result<()> {
        let (trees, stores) = self.file_systems()?;
        ensure!(trees == TMPFS, "trees have to be on tmpfs, not on {trees}: --trees");
        ensure!(stores != TMPFS, "stores have to be on a disk: --stores");
        Ok(())
    }

    /// The file systems of trees and stores.
    pub(super) fn file_systems(&self) -> anyhow::Result<(String, String)> {
        Ok((file_system(self.trees.path())?, file_system(self.stores.path())?))
    }

    /// The tree with one file for each object, made when it is first asked for.
    pub(super) fn tree(&self) -> anyhow::Result<&Path> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let root = self.trees.path().join("tree");
        let tree = Tree::shaped(
            SEED,
            usize::try_from(self.objects)?,
            Tree::DEFAULT_OBJECT_BYTES,
            Layout::OnePerFile,
        );
        tree.write(&root)?;
        let walked = walk::stat(&root)?;
        ensure!(
            walked.files == self.objects,
            "{} files, not {}",
            walked.files,
            self.objects
        );
        let newest = UNIX_EPOCH + Duration::from_nanos(u64::try_from(walked.newest)?);
        eventually(SETTLING, "the tree is old enough to be remembered", || {
            Ok((SystemTime::now() > newest + SETTLED).then_some(()))
        })?;
        Ok(self.tree.get_or_init(|| root))
    }

    /// A path for a new store or another file beside stores.
    pub(super) fn beside_stores(&self, name: &str) -> PathBuf {
        self.stores.path().join(name)
    }

    /// Runs the host with a plugin over a data directory.
    pub(super) fn host(
        &self,
        plugin: &str,
        settings: &[String],
        data: &Path,
        expected: String,
    ) -> anyhow::Result<Finished> {
        host::once(&Job {
            programs: &self.programs,
            plugin,
            settings,
            data,
            runtime: self.runtime.path(),
            expected,
        })
    }
}

/// Takes what a store holds and the size of its file.
pub(super) fn store(data: &Path) -> anyhow::Result<(Dump, StoreSize)> {
    let file = data.join(STORE_FILE);
    let file_bytes = fs::metadata(&file)
        .with_context(|| format!("reading {}", file.display()))?
        .len();
    let dump = Dump::of(&file)?;
    let size = StoreSize {
        row_bytes: dump.bytes(),
        file_bytes,
    };
    Ok((dump, size))
}

/// Fails if a run that should have written nothing has changed more than what it notes of its launch.
pub(super) fn ensure_unwritten(before: &Dump, after: &Dump) -> anyhow::Result<()> {
    let differences = before.differences(after, LAUNCHES);
    let said: Vec<String> = differences.iter().map(ToString::to_string).collect();
    ensure!(said.is_empty(), "an unchanged run wrote: {}", said.join(", "));
    Ok(())
}

fn file_system(directory: &Path) -> anyhow::Result<String> {
    let magic = u64::try_from(statfs(directory)?.f_type)?;
    let known = FILE_SYSTEMS.iter().find(|(number, _)| *number == magic);
    Ok(known.map_or_else(|| format!("{magic:#x}"), |(_, name)| (*name).to_owned()))
}
