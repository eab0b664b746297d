//! Whether the kernel killed a child for lack of memory, read from the counters of its control group.
//!
//! The group is usually shared with the host, so the answer is "somebody in it was": together with a SIGKILL that the
//! host did not send, that is as sure as it gets without a group of its own.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

const CGROUP_ROOT: &str = "/sys/fs/cgroup";
const COUNTER: &str = "oom_kill";

/// Remembers the count of kills when the child was started.
#[derive(Debug)]
pub(crate) struct OomWatch {
    counter: Option<(PathBuf, u64)>,
}

impl OomWatch {
    /// Begins to watch the control group that `pid` is in; watches nothing where there is none with a counter.
    pub(crate) fn begin(pid: Pid) -> Self {
        let membership = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        Self::at(Path::new(CGROUP_ROOT), &membership)
    }

    fn at(root: &Path, membership: &str) -> Self {
        let files = counter_files(root, membership);
        Self {
            counter: files
                .into_iter()
                .find_map(|file| read_counter(&file).map(|count| (file, count))),
        }
    }

    /// Tells whether a child that was killed by somebody else was killed for lack of memory; `None` if nobody counts.
    pub(crate) fn end(&self, was_killed: bool) -> Option<bool> {
        let (file, before) = self.counter.as_ref()?;
        Some(read_counter(file)? > *before && was_killed)
    }
}

/// Lists where a process's counter may be: version 2 of control groups (`0::/path`), then version 1 (`4:memory:/path`).
fn counter_files(root: &Path, membership: &str) -> Vec<PathBuf> {
    let path_after = |prefix_ends: fn(&str) -> bool| {
        membership.lines().find_map(move |line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            prefix_ends(controllers).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    let unified = path_after(str::is_empty).map(|path| root.join(path).join("memory.events"));
    let legacy = path_after(|controllers| controllers.split(',').any(|name| name == "memory"))
        .map(|path| root.join("memory").join(path).join("memory.oom_control"));
    unified.into_iter().chain(legacy).collect()
}

fn read_counter(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(COUNTER)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, kills: u64) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("low 0\noom 9\noom_kill {kills}\noom_group_kill 7\n")).unwrap();
    }

    #[test]
    fn a_kill_counts_only_if_the_counter_rose_and_the_child_was_killed() {
        let cases = [
            ("0::/user/app\n", "user/app/memory.events"),
            (
                "8:pids:/\n4:cpu,memory:/user/app\n0::/\n",
                "memory/user/app/memory.oom_control",
            ),
        ];
        for (membership, file) in cases {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), file, 3);
            let watch = OomWatch::at(root.path(), membership);
            assert_eq!(watch.end(true), Some(false), "{membership}");
            write(root.path(), file, 4);
            assert_eq!(watch.end(true), Some(true), "{membership}");
            assert_eq!(watch.end(false), Some(false), "{membership}");
        }
    }

    #[test]
    fn without_counters_nothing_is_claimed() {
        let root = tempfile::tempdir().unwrap();
        for membership in ["", "0::/\n", "nonsense", "4:memory:/absent\n"] {
            assert_eq!(OomWatch::at(root.path(), membership).end(true), None, "{membership:?}");
        }
    }
}
