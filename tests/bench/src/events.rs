//! The least that reading a tree with libyaml costs: its files are read, and their events drained and dropped, on all cores.
//!
//! Nothing is made of the events, nothing is hashed or sent, and the walk is over before the time begins: a source whose
//! parser is libyaml cannot be faster than this.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

use crate::cost::{Cost, Stopwatch, Whose};
use crate::walk;

/// What was drained.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Drained {
    /// What it cost.
    pub cost: Cost,
    /// Files.
    pub files: u64,
    /// Their events, those of streams and documents among them.
    pub events: u64,
}

/// Drains the events of every file of a tree, each of which holds one document.
///
/// # Errors
/// When a file cannot be read, or is no YAML.
pub fn drain(tree: &Path) -> anyhow::Result<Drained> {
    let mut paths = Vec::new();
    walk::files(tree, &mut |path| {
        paths.push(path);
        true
    })?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = paths.len().div_ceil(cores).max(1);
    let watch = Stopwatch::start(Whose::Own)?;
    let counts: Vec<anyhow::Result<u64>> = thread::scope(|scope| {
        let shares: Vec<_> = paths.chunks(share).map(|paths| scope.spawn(|| count(paths))).collect();
        let joined = shares.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|count| count.map_err(|_| anyhow!("a reader panicked")).flatten())
            .collect()
    });
    Ok(Drained {
        cost: watch.stop()?,
        files: paths.len() as u64,
        events: counts.into_iter().sum::<anyhow::Result<u64>>()?,
    })
}

fn count(paths: &[PathBuf]) -> anyhow::Result<u64> {
    let mut events = 0;
    for path in paths {
        let shown = || path.display().to_string();
        let text = fs::read(path).with_context(shown)?;
        events += k1s_yaml::count_events(&text).context("not YAML").with_context(shown)?;
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_every_file_is_drained() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("b")).unwrap();
        for (name, text) in [("a.yaml", "x: 1\n"), ("b/c.yaml", "[1, 2]\n"), ("d.yaml", "- y\n")] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let drained = drain(directory.path()).unwrap();
        // Of each, the begin and end of stream, document and collection; and five scalars.
        assert_eq!((drained.files, drained.events), (3, 3 * 6 + 5));
        fs::write(directory.path().join("e.yaml"), "[").unwrap();
        assert!(drain(directory.path()).is_err());
    }
}
