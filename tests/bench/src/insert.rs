//! The yardstick of a first sync: one process, no plugin, no gRPC.
//!
//! Walks a tree, reads, hashes and parses each file on all cores, and puts the rows that a host made of it into a file of
//! its own, through the same engine with the same settings, in commits of [`COMMIT_BYTES`]. What it does not do: judge a
//! document, make its canonical form, look anything up in the store, compose or encode a row. The rows come from the
//! host's file and are in memory before the time begins.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Context as _, anyhow, bail, ensure};
use k1s_object::Key;
use k1s_store::engine::{Engine as _, Finish, RedbEngine, RedbOptions, Write};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cost::{Cost, Stopwatch, Whose, peak_memory, written};
use crate::rows::{Row, Rows};
use crate::walk;

/// Bytes of keys and values that share a commit.
pub const COMMIT_BYTES: usize = 4 << 20;
/// Files that are read together on one core.
const PAGE_FILES: usize = 128;
/// Pages that wait for each reader, and behind it.
const PAGES: usize = 8;
/// The namespace of namespaced objects that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// What was inserted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Inserted {
    /// What it cost, from the making of the file to its last commit.
    pub cost: Cost,
    /// Objects that files declared.
    pub objects: u64,
    /// Commits.
    pub commits: u64,
    /// The most memory the process had, in bytes; the rows are in it.
    pub peak: Option<u64>,
    /// What it has caused to be written to the disk, in bytes.
    pub written: Option<u64>,
}

/// Puts the rows of `filled` into a new file `into`, as fast as `tree` can be read.
///
/// # Errors
/// When something cannot be read or written, or the tree and the rows are not about the same objects.
pub fn insert(tree: &Path, filled: &Path, into: &Path) -> anyhow::Result<Inserted> {
    let Rows { by_object, rest } = Rows::of(filled)?;
    let readers = thread::available_parallelism().map_or(1, usize::from);
    let watch = Stopwatch::start(Whose::Own)?;
    let mut sink = Sink::new(RedbEngine::open(into, RedbOptions::default())?, by_object);
    thread::scope(|scope| {
        let (mut to_readers, mut from_readers) = (Vec::new(), Vec::new());
        for _ in 0..readers {
            let (to_reader, paths) = sync_channel::<Vec<PathBuf>>(PAGES);
            let (keys, from_reader) = sync_channel(PAGES);
            scope.spawn(move || read_pages(&paths, &keys));
            to_readers.push(to_reader);
            from_readers.push(from_reader);
        }
        let walking = scope.spawn(move || deal(tree, &to_readers));
        collect(&from_readers, &mut sink)?;
        walking.join().map_err(|_| anyhow!("the walk panicked"))?
    })?;
    let (objects, commits) = sink.finish(rest)?;
    Ok(Inserted {
        cost: watch.stop()?,
        objects,
        commits,
        peak: peak_memory(std::process::id()),
        written: written(std::process::id()),
    })
}

/// Deals pages of files out to the readers in turn.
fn deal(tree: &Path, readers: &[SyncSender<Vec<PathBuf>>]) -> anyhow::Result<()> {
    let mut turns = readers.iter().cycle();
    let mut page = Vec::with_capacity(PAGE_FILES);
    // A reader that is gone has failed, and says why itself.
    let mut send = |page| turns.next().is_some_and(|reader| reader.send(page).is_ok());
    walk::files(tree, &mut |path| {
        page.push(path);
        page.len() < PAGE_FILES || send(std::mem::take(&mut page))
    })?;
    send(page);
    Ok(())
}

type Page = anyhow::Result<Vec<Key>>;

fn read_pages(pages: &Receiver<Vec<PathBuf>>, read: &SyncSender<Page>) {
    for paths in pages {
        let mut keys = Vec::with_capacity(paths.len());
        let outcome = paths.iter().try_for_each(|path| declared(path, &mut keys));
        if read.send(outcome.map(|()| keys)).is_err() {
            return;
        }
    }
}

/// Reads a file and adds the keys that its documents say.
fn declared(path: &Path, keys: &mut Vec<Key>) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    let bytes = fs::read(path).with_context(shown)?;
    // The plugin needs it to know the file again; here it only has to have been made.
    std::hint::black_box(Sha256::digest(&bytes));
    for document in k1s_yaml::documents(&bytes, &k1s_yaml::Limits::default()) {
        keys.push(key(&document.with_context(shown)?.value).with_context(shown)?);
    }
    Ok(())
}

fn key(document: &Value) -> anyhow::Result<Key> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let version = text("/apiVersion").context("no apiVersion")?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    Ok(Key::new(
        group,
        text("/kind").context("no kind")?,
        text("/metadata/namespace").unwrap_or_default(),
        text("/metadata/name").context("no name")?,
    ))
}

/// Takes the pages in the order in which they were dealt.
fn collect(readers: &[Receiver<Page>], sink: &mut Sink) -> anyhow::Result<()> {
    for reader in readers.iter().cycle() {
        // The first that has nothing more is the first that was dealt nothing more.
        let Ok(page) = reader.recv() else { break };
        for key in page? {
            sink.take(key)?;
        }
    }
    Ok(())
}

/// Where the rows go.
struct Sink {
    engine: RedbEngine,
    by_object: HashMap<Vec<u8>, Vec<Row>>,
    waiting: Vec<Row>,
    bytes: usize,
    objects: u64,
    commits: u64,
}

impl Sink {
    fn new(engine: RedbEngine, by_object: HashMap<Vec<u8>, Vec<Row>>) -> Self {
        Self {
            engine,
            by_object,
            waiting: Vec::new(),
            bytes: 0,
            objects: 0,
            commits: 0,
        }
    }

    fn take(&mut self, mut key: Key) -> anyhow::Result<()> {
        let mut rows = self.by_object.remove(&key.encode());
        if rows.is_none() && key.namespace.is_empty() {
            key.namespace = DEFAULT_NAMESPACE.into();
            rows = self.by_object.remove(&key.encode());
        }
        let Some(rows) = rows else {
            bail!("the store holds no {key}");
        };
        self.objects += 1;
        self.bytes += rows.iter().map(|row| row.key.len() + row.value.len()).sum::<usize>();
        self.waiting.extend(rows);
        if self.bytes >= COMMIT_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        let rows = &self.waiting;
        self.engine.write(&mut |tables: &mut dyn Write| {
            for Row { table, key, value } in rows {
                tables.put(*table, key, value)?;
            }
            Ok(Finish::Commit)
        })?;
        self.waiting.clear();
        self.bytes = 0;
        self.commits += 1;
        Ok(())
    }

    /// Commits what is left, and what belongs to no object. Returns the objects and commits.
    fn finish(mut self, rest: Vec<Row>) -> anyhow::Result<(u64, u64)> {
        let left = self.by_object.len();
        ensure!(left == 0, "no file declares {left} of the store's objects");
        self.waiting.extend(rest);
        self.commit()?;
        Ok((self.objects, self.commits))
    }
}

#[cfg(test)]
mod tests {
    use k1s_store::Table;
    use k1s_tests::tree::{Layout, Tree};

    use super::*;
    use crate::dump::Dump;

    const OBJECTS: usize = 700;

    /// A file with the rows that a host would have made of a tree, as far as their keys go.
    fn filled(directory: &Path, keys: impl IntoIterator<Item = Key>) -> PathBuf {
        let path = directory.join("filled");
        let engine = RedbEngine::open(&path, RedbOptions::default()).unwrap();
        let keys: Vec<Vec<u8>> = keys.into_iter().map(|key| key.encode()).collect();
        let put = &mut |tables: &mut dyn Write| {
            for key in &keys {
                tables.put(Table::Current, key, &[b'x'; 20_000])?;
                tables.put(Table::Inventory, &[b"files\0\0\0", &key[..]].concat(), b"row")?;
            }
            tables.put(Table::Meta, b"revision", b"7")?;
            Ok(Finish::Commit)
        };
        engine.write(put).unwrap();
        path
    }

    #[test]
    fn the_same_rows_arrive_in_commits_of_their_size() {
        let directory = tempfile::tempdir().unwrap();
        let (manifests, into) = (directory.path().join("tree"), directory.path().join("into"));
        let tree = Tree::shaped(3, OBJECTS, Tree::DEFAULT_OBJECT_BYTES, Layout::OnePerFile);
        tree.write(&manifests).unwrap();
        let filled = filled(directory.path(), tree.keys());
        let inserted = insert(&manifests, &filled, &into).unwrap();
        assert_eq!(inserted.objects, OBJECTS as u64);
        // 700 × 20 kB are 14 MB: three full commits of 4 MiB, and the rest.
        assert_eq!(inserted.commits, 4);
        let (one, other) = (Dump::of(&filled).unwrap(), Dump::of(&into).unwrap());
        assert_eq!(one.differences(&other, &[]), []);
    }

    #[test]
    fn a_tree_of_other_objects_is_no_yardstick() {
        let directory = tempfile::tempdir().unwrap();
        let manifests = directory.path().join("tree");
        let tree = Tree::shaped(3, 20, Tree::DEFAULT_OBJECT_BYTES, Layout::OnePerFile);
        tree.write(&manifests).unwrap();
        let mut keys = tree.keys();
        keys.insert(Key::new("", "ConfigMap", "shop", "undeclared"));
        let more = insert(&manifests, &filled(directory.path(), keys), &directory.path().join("a"));
        assert!(more.unwrap_err().to_string().contains("no file declares 1"));
        let fewer = filled(
            directory.path().join("fewer").as_path(),
            tree.keys().into_iter().skip(1),
        );
        let error = insert(&manifests, &fewer, &directory.path().join("b")).unwrap_err();
        assert!(error.to_string().starts_with("the store holds no"), "{error:#}");
    }
}
