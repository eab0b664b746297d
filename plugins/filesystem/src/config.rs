//! The configuration: what a user writes, and what it means once it is checked.
//!
//! Touches no file. Invariant: [`Settings`] hold at least one root and only patterns that compile; roots are absolute,
//! distinct, and their ids fit a scope.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use k1s_manifests::{INCLUDE, Selection};
use k1s_source::{Diagnostic, OneOrMany, Period};
use schemars::JsonSchema;
use serde::Deserialize;

/// The largest file that is read unless configured otherwise, in bytes: 8 MiB.
const DEFAULT_FILE_BYTES: u64 = 8 << 20;
/// The largest value of `maxFileBytes`: 64 MiB, which a handful of readers may hold at once.
pub(crate) const MOST_FILE_BYTES: u64 = 64 << 20;
/// The longest path of a root in bytes: it is the id of a scope (contract.md §4).
const ROOT_PATH_BYTES: usize = 256;
/// The most roots.
const ROOTS: usize = 256;

/// How long after the last of several changes they are read, unless configured otherwise.
const DEFAULT_DEBOUNCE: Duration = Duration::from_millis(100);
/// The longest `debounce`.
const MOST_DEBOUNCE: Duration = Duration::from_secs(60);
/// How long something must have been missing before its delete is sent, unless configured otherwise (contract.md §4).
const DEFAULT_DELETE_SETTLE: Duration = Duration::from_secs(1);
/// The longest `deleteSettle`.
const MOST_DELETE_SETTLE: Duration = Duration::from_secs(60 * 60);
/// The shortest `pollInterval`.
const LEAST_POLL: Duration = Duration::from_millis(10);
/// The longest `pollInterval`.
const MOST_POLL: Duration = Duration::from_secs(24 * 60 * 60);

/// Folders of Kubernetes manifests, and which of their files are read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// The folder to read, or a list of folders. Each is complete or incomplete by itself.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "selection"))]
    path: OneOrMany,
    /// Which files are read. A pattern without "/" matches names at any depth, one with "/" the path below the folder.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    include: OneOrMany,
    /// Which files and directories are left out; patterns as for `include`. A file `.k1signore` in any directory leaves
    /// out more, by the rules of gitignore.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    exclude: OneOrMany,
    /// Whether directories below the folder are read. Those whose name begins with "." never are.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    recursive: bool,
    /// Whether symbolic links are followed, as far as they stay inside the folder.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    follow_symlinks: bool,
    /// The largest file that is read, in bytes; a larger one fails.
    #[schemars(range(min = 1, max = MOST_FILE_BYTES), extend("x-k1s-effect" = "tuning"))]
    max_file_bytes: u64,
    /// Whether changes are sent as they happen. Without, they are found when the folder is listed again.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    watch: bool,
    /// How long it must have been quiet before changes are read, so that those that belong together are sent together;
    /// at most 1m.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    debounce: Period,
    /// How long an object must have been missing before its delete is sent, so that a file that is replaced deletes
    /// nothing; at most 1h.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    delete_settle: Period,
    /// How often to look for changes on a file system that does not notify of them, such as NFS; from 10ms to 24h.
    /// Unset, the system's notifications are used.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    poll_interval: Option<Period>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: OneOrMany::One(".".to_owned()),
            include: OneOrMany::Many(INCLUDE.map(str::to_owned).to_vec()),
            exclude: OneOrMany::Many(Vec::new()),
            recursive: true,
            follow_symlinks: false,
            max_file_bytes: DEFAULT_FILE_BYTES,
            watch: true,
            debounce: Period::new(DEFAULT_DEBOUNCE),
            delete_settle: Period::new(DEFAULT_DELETE_SETTLE),
            poll_interval: None,
        }
    }
}

/// Whether symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Each is reported and left alone.
    Report,
    /// Those that stay inside the root are followed.
    Follow,
}

/// How deep a root is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only its own files.
    Flat,
    /// All directories below it.
    Recursive,
}

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watching {
    /// Only by listing again.
    Off,
    /// By the system's notifications.
    Notified,
    /// By looking at this interval.
    Polled(Duration),
}

/// A configuration that can work.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Absolute, in the order configured.
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) selection: Selection,
    pub(crate) depth: Depth,
    pub(crate) links: Links,
    /// Bytes.
    pub(crate) max_file_bytes: u64,
    pub(crate) watching: Watching,
    pub(crate) debounce: Duration,
    pub(crate) delete_settle: Duration,
}

impl Config {
    /// Checks everything that can be checked without looking at the file system; relative paths start at `base`.
    ///
    /// # Errors
    /// Returns every fault found.
    pub(crate) fn check(&self, base: &Path) -> Result<Settings, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let roots = self.roots(base, &mut faults);
        let selection = Selection::configured(&self.include, &self.exclude);
        if !(1..=MOST_FILE_BYTES).contains(&self.max_file_bytes) {
            let said = format!("{} is not between 1 and {MOST_FILE_BYTES} bytes", self.max_file_bytes);
            faults.push(Diagnostic::error("/maxFileBytes", said));
        }
        let watching = self.watching(&mut faults);
        at_most("debounce", self.debounce, MOST_DEBOUNCE, &mut faults);
        at_most("deleteSettle", self.delete_settle, MOST_DELETE_SETTLE, &mut faults);
        let selection = match selection {
            Ok(selection) if faults.is_empty() => selection,
            Ok(_) => return Err(faults),
            Err(more) => return Err(faults.into_iter().chain(more).collect()),
        };
        Ok(Settings {
            roots,
            selection,
            depth: if self.recursive { Depth::Recursive } else { Depth::Flat },
            links: if self.follow_symlinks {
                Links::Follow
            } else {
                Links::Report
            },
            max_file_bytes: self.max_file_bytes,
            watching,
            debounce: self.debounce.get(),
            delete_settle: self.delete_settle.get(),
        })
    }

    fn watching(&self, faults: &mut Vec<Diagnostic>) -> Watching {
        let fault = |said: String| Diagnostic::error("/pollInterval", said);
        match self.poll_interval.map(Period::get) {
            Some(_) if !self.watch => {
                faults.push(fault("with `watch: false` nothing is watched".to_owned()));
                Watching::Off
            }
            Some(interval) => {
                if !(LEAST_POLL..=MOST_POLL).contains(&interval) {
                    faults.push(fault(format!("{interval:?} is not between 10ms and 24h")));
                }
                Watching::Polled(interval)
            }
            None if self.watch => Watching::Notified,
            None => Watching::Off,
        }
    }

    fn roots(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
        let located = self.path.located("/path");
        if located.is_empty() {
            faults.push(Diagnostic::error("/path", "no folder is named").suggestion("name one, for example \".\""));
        }
        if located.len() > ROOTS {
            faults.push(Diagnostic::error(
                "/path",
                format!("{} folders; the limit is {ROOTS}", located.len()),
            ));
            return Vec::new();
        }
        let mut roots: Vec<PathBuf> = Vec::new();
        for (pointer, text) in located {
            match absolute(base, text) {
                Err(fault) => faults.push(Diagnostic::error(pointer, fault)),
                Ok(root) => match roots.iter().find(|other| self.overlaps(&root, other)) {
                    Some(other) => faults.push(overlap(pointer, &root, other)),
                    None => roots.push(root),
                },
            }
        }
        roots
    }

    fn overlaps(&self, one: &Path, other: &Path) -> bool {
        one == other || (self.recursive && (one.starts_with(other) || other.starts_with(one)))
    }
}

fn at_most(field: &str, period: Period, most: Duration, faults: &mut Vec<Diagnostic>) {
    if period.get() > most {
        let said = format!("{period} is too long: at most {}", Period::new(most));
        faults.push(Diagnostic::error(format!("/{field}"), said));
    }
}

fn overlap(pointer: String, root: &Path, other: &Path) -> Diagnostic {
    let said = format!(
        "{} and {} overlap, so that their files would be read twice",
        root.display(),
        other.display()
    );
    Diagnostic::error(pointer, said).suggestion("name the outer folder only, or set `recursive: false`")
}

/// Makes the id of a scope: an absolute path without `.` and doubled or final slashes. `..` is kept: what it means
/// depends on links.
fn absolute(base: &Path, text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("not a path".to_owned());
    }
    let joined = base.join(text);
    if !joined.is_absolute() {
        return Err(format!("{text} is relative, and so is the directory it starts at"));
    }
    let root: PathBuf = joined.components().filter(|part| *part != Component::CurDir).collect();
    match root.as_os_str().len() {
        length if length > ROOT_PATH_BYTES => Err(format!("{length} bytes long; the limit is {ROOT_PATH_BYTES}")),
        _ => Ok(root),
    }
}

#[cfg(test)]
mod tests;
