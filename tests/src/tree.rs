//! Trees of manifests that are made, not written: the same seed gives the same files everywhere.
//!
//! A [`Tree`] knows which keys its files declare, so a test can compare a store with it, and it can be changed: each
//! change returns the [`Step`]s that make the same change on disk. A tree is always valid: every document is one that a
//! Kubernetes API takes. It holds what users' trees hold and hosts find hard: custom resources in files that come before
//! their definition, many documents in a file, Lists, JSON, anchors, comments, documents without a namespace, and
//! namespaces that no document declares.

mod body;
mod branch;
mod change;
mod file;
mod object;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use k1s_object::Key;

pub use branch::Difference;
pub use change::{Break, Step, Taken};
pub use object::Kind;

use crate::random::Random;
use file::{File, Form, Style};
use object::Object;

/// One namespace among this many objects is declared.
const OBJECTS_PER_NAMESPACE: usize = 60;
/// One undeclared namespace is used for this many declared ones.
const DECLARED_PER_UNDECLARED: usize = 3;
/// One namespaced document among this many names no namespace.
const DOCUMENTS_PER_BARE: usize = 25;
const OBJECTS_PER_DIRECTORY: usize = 200;
const MAX_DOCUMENTS: usize = 12;
/// Comes after every other directory, so that custom resources come before their definition.
const DEFINITIONS: &str = "zz-definitions/crds";

/// How objects are spread over files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// From one to twelve objects a file, as documents, Lists and JSON.
    Mixed,
    /// One YAML document a file.
    OnePerFile,
}

/// A tree of manifests and what it declares.
#[derive(Clone, Debug)]
pub struct Tree {
    style: Style,
    layout: Layout,
    /// By path with `/`, relative to the tree's root.
    files: BTreeMap<String, File>,
    namespaces: Vec<Box<str>>,
    next_ordinal: usize,
}

impl Tree {
    /// The size of a document, about, unless a tree is made with another.
    pub const DEFAULT_OBJECT_BYTES: usize = 1_500;

    /// Makes a tree of exactly `objects` objects in the mixed layout.
    #[must_use]
    pub fn new(seed: u64, objects: usize) -> Self {
        Self::shaped(seed, objects, Self::DEFAULT_OBJECT_BYTES, Layout::Mixed)
    }

    /// Makes a tree of exactly `objects` objects of about `object_bytes` bytes each; from 16 objects on it has every kind.
    #[must_use]
    pub fn shaped(seed: u64, objects: usize, object_bytes: usize, layout: Layout) -> Self {
        let mut tree = Self {
            style: Style { seed, object_bytes },
            layout,
            files: BTreeMap::new(),
            namespaces: Vec::new(),
            next_ordinal: objects,
        };
        let planned = tree.plan(objects);
        tree.lay_out(planned);
        tree
    }

    /// The objects, each kind evenly spread over them; the definition of the custom kind comes first.
    fn plan(&mut self, objects: usize) -> Vec<Object> {
        let is_namespace = |ordinal: usize| ordinal % OBJECTS_PER_NAMESPACE == 1;
        let declared: Vec<_> = (0..objects)
            .filter(|ordinal| is_namespace(*ordinal))
            .map(|ordinal| Object::new(Kind::Namespace, ordinal, ""))
            .collect();
        let undeclared = 1 + declared.len() / DECLARED_PER_UNDECLARED;
        self.namespaces = declared.iter().map(|namespace| namespace.name.clone()).collect();
        self.namespaces
            .extend((0..undeclared).map(|number| format!("team-{number:04}").into()));

        let mut declared = declared.into_iter();
        let mut leaves = Kind::leaves().iter().cycle();
        (0..objects)
            .filter_map(|ordinal| match ordinal {
                0 => Some(Object::definition_of_orders(ordinal)),
                _ if is_namespace(ordinal) => declared.next(),
                _ => leaves.next().map(|kind| self.object(*kind, ordinal)),
            })
            .collect()
    }

    /// An object that lives in one of the tree's namespaces, or says nothing about it.
    fn object(&self, kind: Kind, ordinal: usize) -> Object {
        let mut random = Random::of(!self.style.seed, ordinal);
        let namespace = match random.below(DOCUMENTS_PER_BARE) {
            0 => "",
            _ => &self.namespaces[random.below(self.namespaces.len())],
        };
        Object::new(kind, ordinal, namespace)
    }

    fn lay_out(&mut self, planned: Vec<Object>) {
        let mut random = Random::of(self.style.seed.rotate_left(32), 0);
        let mut objects = planned.into_iter().peekable();
        if let Some(definition) = objects.next() {
            self.place(DEFINITIONS, Form::Documents, vec![definition]);
        }
        while let Some(first) = objects.peek() {
            let directory = directory(first.ordinal);
            let stem = format!(
                "{directory}/{:06}-{}",
                first.ordinal,
                first.kind.group_version_kind().2.to_lowercase()
            );
            let (form, count) = match self.layout {
                Layout::OnePerFile => (Form::Documents, 1),
                Layout::Mixed => mixed(&mut random),
            };
            self.place(&stem, form, objects.by_ref().take(count).collect());
        }
    }

    fn place(&mut self, stem: &str, form: Form, objects: Vec<Object>) {
        let extension = match form {
            Form::Documents | Form::List => "yaml",
            Form::Json => "json",
        };
        self.files.insert(format!("{stem}.{extension}"), File { form, objects });
    }

    /// Writes every file below `root`, making directories as needed; what else is there stays.
    ///
    /// # Errors
    /// The first thing that cannot be written, by path.
    pub fn write(&self, root: &Path) -> anyhow::Result<()> {
        for (path, file) in &self.files {
            write_file(root, path, &file.text(self.style))?;
        }
        Ok(())
    }

    /// The key of every object that a document declares.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<Key> {
        self.objects().map(Object::key).collect()
    }

    /// The keys that one file declares; none if there is no such file.
    #[must_use]
    pub fn keys_in(&self, path: &str) -> BTreeSet<Key> {
        let objects = self.files.get(path).map(|file| file.objects.iter().map(Object::key));
        objects.into_iter().flatten().collect()
    }

    /// How many objects there are of each kind.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<Kind, usize> {
        let mut kinds = BTreeMap::new();
        for object in self.objects() {
            *kinds.entry(object.kind).or_default() += 1;
        }
        kinds
    }

    /// The namespaces that objects live in and no document declares, `default` among them where a document names none.
    #[must_use]
    pub fn undeclared_namespaces(&self) -> BTreeSet<String> {
        let keys = self.keys();
        let declared = |name: &str| keys.contains(&Key::new("", "Namespace", "", name));
        let used = keys.iter().map(|key| &*key.namespace);
        used.filter(|name| !name.is_empty() && !declared(name))
            .map(str::to_owned)
            .collect()
    }

    /// The paths of all files in order, with `/`, relative to the tree's root.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The directories that hold files, in order.
    #[must_use]
    pub fn directories(&self) -> BTreeSet<&str> {
        let parents = self.files().filter_map(|path| path.rsplit_once('/'));
        parents.map(|(directory, _)| directory).collect()
    }

    /// The path of the file that declares `key`.
    #[must_use]
    pub fn file_of(&self, key: &Key) -> Option<&str> {
        let mut files = self.files.iter();
        files
            .find(|(_, file)| file.objects.iter().any(|object| object.key() == *key))
            .map(|(path, _)| path.as_str())
    }

    fn objects(&self) -> impl Iterator<Item = &Object> {
        self.files.values().flat_map(|file| &file.objects)
    }
}

fn directory(ordinal: usize) -> String {
    let number = ordinal / OBJECTS_PER_DIRECTORY;
    // Every third directory is inside the one before it.
    if number % 3 == 2 {
        format!("area-{:04}/part-{number:04}", number - 1)
    } else {
        format!("area-{number:04}")
    }
}

/// The form of the next file and how many objects it holds.
fn mixed(random: &mut Random) -> (Form, usize) {
    let count = 1 + random.below(MAX_DOCUMENTS);
    match random.below(10) {
        0 => (Form::Json, count),
        1 | 2 => (Form::List, count),
        3 | 4 => (Form::Documents, 1),
        _ => (Form::Documents, count),
    }
}

fn write_file(root: &Path, path: &str, text: &str) -> anyhow::Result<()> {
    let path = root.join(path);
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(&path, text))
        .with_context(|| format!("writing {}", path.display()))
}
