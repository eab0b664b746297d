//! Where measurements happen: trees in memory, because making files dominates on disks; stores on a disk, because being
//! durable is part of the job.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::tree::{Layout, Tree};
use rustix::fs::statfs;
use tempfile::TempDir;

use super::folder::Folder;
use super::many::Many;
use super::scale::Scale;
use crate::walk;

/// The seed of the tree: every measurement has the same one.
const SEED: u64 = 1;
/// A younger file is not remembered by its state, so that the next sync would read it again (contract.md §3).
const SETTLED: Duration = Duration::from_secs(2);
/// Longest wait for a tree to settle.
const SETTLING: Duration = Duration::from_secs(30);
/// File systems by their magic number (statfs(2)).
const FILE_SYSTEMS: [(u64, &str); 5] = [
    (0x0102_1994, TMPFS),
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x794c_7630, "overlayfs"),
];
const TMPFS: &str = "tmpfs";

/// Directories, programs, and what several rows are measured on.
pub(super) struct Ground {
    pub(super) scale: Scale,
    programs: PathBuf,
    trees: TempDir,
    stores: TempDir,
    /// A short private directory, because the path of a socket is short.
    runtime: TempDir,
    tree: OnceCell<PathBuf>,
    folder: OnceCell<Folder>,
    many: OnceCell<Many>,
}

impl Ground {
    pub(super) fn new(programs: PathBuf, trees: &Path, stores: &Path, scale: Scale) -> anyhow::Result<Self> {
        let inside = |directory: &Path| {
            let made = tempfile::Builder::new().prefix("k1s-bench-").tempdir_in(directory);
            made.with_context(|| format!("making a directory in {}", directory.display()))
        };
        Ok(Self {
            scale,
            programs,
            trees: inside(trees)?,
            stores: inside(stores)?,
            runtime: tempfile::tempdir()?,
            tree: OnceCell::new(),
            folder: OnceCell::new(),
            many: OnceCell::new(),
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

    /// The numbers of the runs of a row, from 1.
    pub(super) fn runs(&self) -> impl Iterator<Item = u32> + use<> {
        1..=self.scale.runs
    }

    /// The path of a program that the workspace builds.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A path for a new tree.
    pub(super) fn beside_trees(&self, name: &str) -> PathBuf {
        self.trees.path().join(name)
    }

    /// A path for a new store or another file beside stores.
    pub(super) fn beside_stores(&self, name: &str) -> PathBuf {
        self.stores.path().join(name)
    }

    /// Where hosts keep their sockets.
    pub(super) fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    /// The tree with one file for each object, made when it is first asked for.
    pub(super) fn tree(&self) -> anyhow::Result<&Path> {
        let made = made_once(&self.tree, || self.planted("tree", self.scale.objects))?;
        Ok(made)
    }

    /// The folder of ConfigMaps, made and synced when it is first asked for.
    pub(super) fn folder(&self) -> anyhow::Result<&Folder> {
        made_once(&self.folder, || Folder::make(self))
    }

    /// The tree of many more objects, made and synced when it is first asked for.
    pub(super) fn many(&self) -> anyhow::Result<&Many> {
        made_once(&self.many, || Many::make(self))
    }

    /// Makes a tree with one file for each of so many objects, and waits until it is old enough.
    pub(super) fn planted(&self, name: &str, objects: u64) -> anyhow::Result<PathBuf> {
        let root = self.beside_trees(name);
        let count = usize::try_from(objects)?;
        Tree::shaped(SEED, count, Tree::DEFAULT_OBJECT_BYTES, Layout::OnePerFile).write(&root)?;
        settle(&root, objects)?;
        Ok(root)
    }
}

/// Waits until the files of a tree, of which there are to be so many, are old enough to be known again by their state.
pub(super) fn settle(root: &Path, files: u64) -> anyhow::Result<()> {
    let walked = walk::stat(root)?;
    ensure!(walked.files == files, "{} files, not {files}", walked.files);
    let newest = UNIX_EPOCH + Duration::from_nanos(u64::try_from(walked.newest)?);
    eventually(SETTLING, "the tree is old enough to be remembered", || {
        Ok((SystemTime::now() > newest + SETTLED).then_some(()))
    })
}

/// What a cell holds, made if it is empty.
fn made_once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

fn file_system(directory: &Path) -> anyhow::Result<String> {
    let magic = u64::try_from(statfs(directory)?.f_type)?;
    let known = FILE_SYSTEMS.iter().find(|(number, _)| *number == magic);
    Ok(known.map_or_else(|| format!("{magic:#x}"), |(_, name)| (*name).to_owned()))
}
