//! From a tree to what is declared: the sub-directory, ignore files, charts, include and exclude. Pure.
//!
//! Paths of what is picked begin at the sub-directory, so that one that a pattern chooses by a version in its name stays the
//! same to the host. Rules of ignore files above the sub-directory hold as well.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k1s_getter_address::Choice;
use k1s_manifests::{CHART, Entry as Asked, RelPath, Rules, Zone};
use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::ignored::Ignored;
use crate::tree::{Blob, Class, Entry, Kind, Refusal, Shape, Tree};
use crate::wish::{Files, IGNORE_FILE, Wish};

/// Something that is declared, at its path below the sub-directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Pick {
    /// Where.
    pub(crate) path: String,
    /// What.
    pub(crate) what: What,
}

/// What is declared of a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum What {
    /// What is in a file.
    File(Blob),
    /// That it is part of a Helm chart, and no object.
    ChartPart,
    /// That it is a link, which is not followed.
    Link,
    /// That it is a submodule, which is not fetched.
    Submodule,
    /// That it cannot be read.
    Refused(Refusal),
}

/// What was picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picked {
    /// The sub-directory that was chosen; the root where none was asked for.
    pub(crate) root: RelPath,
    /// By the bytes of their paths.
    pub(crate) picks: Vec<Pick>,
}

/// What is wanted is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PickError {
    /// The sub-directory is not exactly one.
    #[error(transparent)]
    Choice(Choice),
    /// The sub-directory is a link.
    #[error("the sub-directory `{0}` is a link, which is never followed")]
    Link(String),
}

/// Returns the contents of ignore files, which [`pick`] needs.
pub(crate) fn ignore_files(tree: &Tree) -> impl Iterator<Item = (&RelPath, &Content)> {
    tree.entries.iter().filter_map(|entry| match &entry.kind {
        Kind::File(blob) if entry.path.name() == IGNORE_FILE => Some((&entry.path, &blob.content)),
        Kind::File(_) | Kind::Link | Kind::Submodule | Kind::Refused(_) => None,
    })
}

/// Picks of a tree what a wish means; `ignored` has what ignore files say.
///
/// # Errors
/// Fails if the sub-directory is not exactly one directory.
pub(crate) fn pick(tree: &Tree, wish: &Wish, ignored: &Ignored) -> Result<Picked, PickError> {
    let root = root(tree, wish)?;
    let mut folders = Folders::new(&root, tree, ignored);
    let mut picks = Vec::new();
    for entry in &tree.entries {
        let Some(below) = below(&entry.path, &root) else {
            continue;
        };
        let what = match (&wish.files, tree.shape) {
            (Files::All, _) | (Files::Manifests(_), Shape::File) => Some(plain(&entry.kind)),
            (Files::Manifests(_), Shape::Many) => folders.judge(entry, wish),
        };
        picks.extend(what.map(|what| Pick {
            path: below.to_owned(),
            what,
        }));
    }
    picks.extend(folders.into_faults());
    picks.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Picked { root, picks })
}

fn root(tree: &Tree, wish: &Wish) -> Result<RelPath, PickError> {
    let Some(subdir) = &wish.subdir else {
        return Ok(RelPath::root());
    };
    let chosen = subdir.choose(tree.roots.iter().map(RelPath::as_str));
    let path = chosen.map_err(|choice| {
        let is_link = |entry: &&Entry| entry.kind == Kind::Link && wish.is_root(&entry.path);
        match (&choice, tree.entries.iter().find(is_link)) {
            (Choice::None(_), Some(link)) => PickError::Link(link.path.to_string()),
            (Choice::None(_) | Choice::Several { .. }, _) => PickError::Choice(choice),
        }
    })?;
    Ok(RelPath::new(path).unwrap_or_else(RelPath::root))
}

/// Returns the path below the sub-directory; `None` beside it.
fn below<'p>(path: &'p RelPath, root: &RelPath) -> Option<&'p str> {
    if root.is_root() {
        return Some(path.as_str());
    }
    path.as_str().strip_prefix(root.as_str())?.strip_prefix('/')
}

fn plain(kind: &Kind) -> What {
    match kind {
        Kind::File(blob) => What::File(blob.clone()),
        Kind::Link => What::Link,
        Kind::Submodule => What::Submodule,
        Kind::Refused(refusal) => What::Refused(refusal.clone()),
    }
}

/// What is known of the directories, each looked at once.
struct Folders<'a> {
    root: &'a RelPath,
    ignored: &'a Ignored,
    /// Directories with a chart.
    charts: BTreeSet<RelPath>,
    /// What is wrong with ignore files that cannot be read, by their directories.
    unread: BTreeMap<RelPath, &'a str>,
    by_path: HashMap<RelPath, Folder>,
    /// What is wrong with ignore files, by the directories that came up.
    faults: BTreeMap<RelPath, String>,
}

#[derive(Clone, Debug)]
struct Folder {
    rules: Rules,
    zone: Zone,
    standing: Standing,
}

/// Whether anything in a directory is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Taken,
    LeftOut,
}

impl<'a> Folders<'a> {
    fn new(root: &'a RelPath, tree: &'a Tree, ignored: &'a Ignored) -> Self {
        let charts = tree.entries.iter().filter_map(|entry| match entry.kind {
            Kind::File(_) if entry.path.name() == CHART => entry.path.parent(),
            Kind::File(_) | Kind::Link | Kind::Submodule | Kind::Refused(_) => None,
        });
        Self {
            root,
            ignored,
            charts: charts.collect(),
            unread: tree.entries.iter().filter_map(unread_rules).collect(),
            by_path: HashMap::new(),
            faults: BTreeMap::new(),
        }
    }

    /// Returns what is declared of an entry; `None` if nothing is.
    fn judge(&mut self, entry: &Entry, wish: &Wish) -> Option<What> {
        let Entry { path, kind } = entry;
        let folder = self.folder(&path.parent()?);
        let is_left_out = folder.standing == Standing::LeftOut || folder.rules.leave_out(path, Asked::File);
        let may_be_one = matches!(kind, Kind::Submodule | Kind::Refused(_));
        let is_directory = may_be_one && wish.enters(path) && !wish.takes(path);
        if is_left_out || !(wish.takes(path) || is_directory) {
            return None;
        }
        let selection = match &wish.files {
            Files::All => None,
            Files::Manifests(selection) => Some(selection),
        };
        let is_selected =
            selection.is_none_or(|selection| selection.takes_file(below(path, self.root).unwrap_or_default()));
        match kind {
            Kind::File(_) | Kind::Link if !is_selected => None,
            Kind::File(_) if folder.zone.is_helms(path.name()) => Some(What::ChartPart),
            Kind::File(_) | Kind::Link | Kind::Submodule | Kind::Refused(_) => Some(plain(kind)),
        }
    }

    fn folder(&mut self, path: &RelPath) -> Folder {
        if let Some(folder) = self.by_path.get(path) {
            return folder.clone();
        }
        let above = path.parent().map(|parent| self.folder(&parent));
        let folder = self.enter(path, above);
        self.by_path.insert(path.clone(), folder.clone());
        folder
    }

    fn enter(&mut self, path: &RelPath, above: Option<Folder>) -> Folder {
        let is_within = path == self.root || below(path, self.root).is_some();
        let (mut rules, mut zone, mut standing) = match above {
            Some(above) => {
                let left_out = above.rules.leave_out(path, Asked::Directory);
                let zone = above.zone.below(path.name());
                (
                    above.rules,
                    zone,
                    if left_out { Standing::LeftOut } else { above.standing },
                )
            }
            None => (Rules::default(), Zone::Plain, Standing::Taken),
        };
        if path == self.root || !is_within {
            zone = Zone::Plain;
        }
        if is_within && self.charts.contains(path) {
            zone = zone.with_chart();
        }
        if standing == Standing::Taken {
            match self.rules_of(path, &rules) {
                Ok(more) => rules = more,
                Err(said) => {
                    self.faults.insert(path.clone(), said);
                    standing = Standing::LeftOut;
                }
            }
        }
        Folder { rules, zone, standing }
    }

    /// Returns the rules in a directory, or what is wrong with its own.
    fn rules_of(&self, directory: &RelPath, above: &Rules) -> Result<Rules, String> {
        if let Some(said) = self.unread.get(directory) {
            return Err(format!("{IGNORE_FILE} {said}"));
        }
        match self.ignored.get(&directory.join(IGNORE_FILE)) {
            Some(Err(said)) => Err(format!("{IGNORE_FILE} {said}")),
            Some(Ok(text)) => {
                let rules = above.clone().with(directory, text);
                rules.map_err(|error| format!("{IGNORE_FILE}:{error}"))
            }
            None => Ok(above.clone()),
        }
    }

    /// Says of each directory whose rules are not known that nothing of it can be.
    fn into_faults(self) -> impl Iterator<Item = Pick> {
        let root = self.root.clone();
        self.faults.into_iter().map(move |(directory, said)| {
            let said = format!("{said}, so nothing in this folder is read");
            Pick {
                path: below(&directory, &root).unwrap_or_default().to_owned(),
                what: What::Refused(Refusal::new(Class::Invalid, said)),
            }
        })
    }
}

/// Returns the directory of an ignore file that cannot be read, and why.
fn unread_rules(entry: &Entry) -> Option<(RelPath, &str)> {
    let why = match &entry.kind {
        Kind::File(_) => return None,
        Kind::Link => "is a link, which is never followed",
        Kind::Submodule => "is a submodule, which is never fetched",
        Kind::Refused(refusal) => &refusal.said,
    };
    (entry.path.name() == IGNORE_FILE)
        .then(|| entry.path.parent())
        .flatten()
        .map(|directory| (directory, why))
}

#[cfg(test)]
mod tests;
