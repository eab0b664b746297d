//! The configuration: what a user writes, and what it means once it is checked.
//!
//! Touches no file. Invariant: [`Settings`] hold at least one root and only patterns that compile; roots are absolute,
//! distinct, and their ids fit a scope.

use std::path::{Component, Path, PathBuf};

use k1s_source::Diagnostic;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::select::{PatternError, Patterns, Selection};

/// The largest file that is read unless configured otherwise, in bytes: 8 MiB.
const DEFAULT_FILE_BYTES: u64 = 8 << 20;
/// The largest value of `maxFileBytes`: 64 MiB, which a handful of readers may hold at once.
pub(crate) const MOST_FILE_BYTES: u64 = 64 << 20;
/// The longest path of a root in bytes: it is the id of a scope (contract.md §4).
const ROOT_PATH_BYTES: usize = 256;
/// The most roots.
const ROOTS: usize = 256;
/// The most patterns of `include` or of `exclude`.
const PATTERNS: usize = 1024;

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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: OneOrMany::One(".".to_owned()),
            include: OneOrMany::Many(["*.yaml", "*.yml", "*.json"].map(str::to_owned).to_vec()),
            exclude: OneOrMany::Many(Vec::new()),
            recursive: true,
            follow_symlinks: false,
            max_file_bytes: DEFAULT_FILE_BYTES,
        }
    }
}

/// One text, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema, serde::Serialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// Returns each text with its JSON Pointer below `field`.
    fn located(&self, field: &'static str) -> Vec<(String, &str)> {
        match self {
            Self::One(text) => vec![(field.to_owned(), text)],
            Self::Many(texts) => texts
                .iter()
                .enumerate()
                .map(|(index, text)| (format!("{field}/{index}"), text.as_str()))
                .collect(),
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
}

impl Config {
    /// Checks everything that can be checked without looking at the file system; relative paths start at `base`.
    ///
    /// # Errors
    /// Returns every fault found.
    pub(crate) fn check(&self, base: &Path) -> Result<Settings, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let roots = self.roots(base, &mut faults);
        let include = patterns(&self.include, "/include", Patterns::add_for_files, &mut faults);
        let exclude = patterns(&self.exclude, "/exclude", Patterns::add, &mut faults);
        if include.is_empty() && faults.is_empty() {
            let fault = Diagnostic::error("/include", "no pattern, so that no file would ever be read");
            faults.push(fault.suggestion("leave `include` out for *.yaml, *.yml and *.json"));
        }
        if !(1..=MOST_FILE_BYTES).contains(&self.max_file_bytes) {
            let said = format!("{} is not between 1 and {MOST_FILE_BYTES} bytes", self.max_file_bytes);
            faults.push(Diagnostic::error("/maxFileBytes", said));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let selection = Selection::new(&include, &exclude).map_err(|error| {
            vec![Diagnostic::error(
                "",
                format!("the patterns together are too large: {error}"),
            )]
        })?;
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
        })
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

fn patterns(
    texts: &OneOrMany,
    field: &'static str,
    add: fn(&mut Patterns, &str) -> Result<(), PatternError>,
    faults: &mut Vec<Diagnostic>,
) -> Patterns {
    let located = texts.located(field);
    let mut patterns = Patterns::default();
    if located.len() > PATTERNS {
        faults.push(Diagnostic::error(
            field,
            format!("{} patterns; the limit is {PATTERNS}", located.len()),
        ));
        return patterns;
    }
    for (pointer, text) in located {
        if let Err(error) = add(&mut patterns, text) {
            faults.push(Diagnostic::error(pointer, error.to_string()));
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Settings, Vec<(String, String)>> {
        let config: Config = serde_json::from_str(json).map_err(|error| vec![(String::new(), error.to_string())])?;
        config.check(Path::new("/base")).map_err(|faults| {
            faults
                .iter()
                .map(|fault| (fault.pointer().to_owned(), fault.summary().to_owned()))
                .collect()
        })
    }

    #[test]
    fn nothing_configured_means_the_base_directory() {
        let settings = check("{}").unwrap();
        assert_eq!(settings.roots, [Path::new("/base")]);
        assert_eq!((settings.depth, settings.links), (Depth::Recursive, Links::Report));
        assert_eq!(settings.max_file_bytes, 8 * 1024 * 1024);
        assert!(settings.selection.takes_file("deep/down/x.yaml"));
        assert!(!settings.selection.takes_file("x.txt"));
    }

    #[test]
    fn roots_are_absolute_and_written_one_way() {
        let settings = check(r#"{"path": ["a/./b//", "/srv/manifests/", "../up"]}"#).unwrap();
        let roots: Vec<_> = settings.roots.iter().map(|root| root.to_str().unwrap()).collect();
        assert_eq!(roots, ["/base/a/b", "/srv/manifests", "/base/../up"]);
    }

    #[test]
    fn nested_roots_are_for_flat_reading_only() {
        assert!(check(r#"{"path": ["a", "a/b"], "recursive": false}"#).is_ok());
        assert!(check(r#"{"path": ["a", "ab"]}"#).is_ok());
    }

    #[test]
    fn faults_name_their_place() {
        let long = format!(r#"{{"path": "{}"}}"#, "x".repeat(256));
        for (json, pointer, part) in [
            (r#"{"path": []}"#, "/path", "no folder"),
            (r#"{"path": ["a", ""]}"#, "/path/1", "not a path"),
            (r#"{"path": ["a", "./a/"]}"#, "/path/1", "overlap"),
            (r#"{"path": ["a/b", "a"]}"#, "/path/1", "overlap"),
            (long.as_str(), "/path", "limit is 256"),
            (r#"{"include": []}"#, "/include", "no pattern"),
            (r#"{"include": "apps/"}"#, "/include", "apps/**"),
            (r#"{"include": ["*.yaml", "a[b"]}"#, "/include/1", "a[b"),
            (r#"{"exclude": "!keep"}"#, "/exclude", ".k1signore"),
            (r#"{"maxFileBytes": 0}"#, "/maxFileBytes", "between"),
            (r#"{"maxFileBytes": 67108865}"#, "/maxFileBytes", "between"),
            (r#"{"pattern": 1}"#, "", "unknown field"),
            (r#"{"watch": true}"#, "", "unknown field"),
        ] {
            let faults = check(json).unwrap_err();
            assert_eq!(faults.len(), 1, "{json}: {faults:?}");
            assert_eq!(faults[0].0, pointer, "{json}");
            assert!(faults[0].1.contains(part), "{json}: {}", faults[0].1);
        }
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        assert_eq!(
            check(r#"{"path": "", "include": "[", "maxFileBytes": 0}"#)
                .unwrap_err()
                .len(),
            3
        );
    }
}
