//! What `/proc` says about a process: who it is beyond its number. Elsewhere than on Linux it says nothing.

use std::io;

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::nonce::Nonce;

/// When a process was started, in clock ticks since boot; with the pid it names one process and no later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StartTime(u64);

/// One process as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessEntry {
    pub(crate) pid: Pid,
    pub(crate) group: Pid,
    pub(crate) start_time: StartTime,
    /// It has ended and waits to be reaped.
    pub(crate) is_dead: bool,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use super::{Nonce, Pid, ProcessEntry, StartTime, io};
    use crate::environment::NONCE_VARIABLE;

    /// Looks at one process; `None` if there is none with this number.
    pub(crate) fn entry(pid: Pid) -> io::Result<Option<ProcessEntry>> {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(stat) => Ok(parse_stat(pid, &stat)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists all processes that can be seen.
    pub(crate) fn entries() -> io::Result<Vec<ProcessEntry>> {
        let mut entries = Vec::new();
        for file in fs::read_dir("/proc")? {
            let name = file?.file_name();
            let pid = name.to_str().and_then(parse_pid);
            if let Some(pid) = pid
                && let Some(found) = entry(pid)?
            {
                entries.push(found);
            }
        }
        Ok(entries)
    }

    /// Tells whether a process was started with this nonce; fails with `PermissionDenied` if that is hidden from us.
    pub(crate) fn carries(pid: Pid, nonce: &Nonce) -> io::Result<bool> {
        let wanted = format!("{NONCE_VARIABLE}={}", nonce.as_str());
        match fs::read(format!("/proc/{pid}/environ")) {
            Ok(environment) => Ok(environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn is_gone(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
    }

    /// Reads the number of a process or group; a process that is just being reaped has -1 for its group.
    fn parse_pid(text: &str) -> Option<Pid> {
        Pid::from_raw(text.parse().ok().filter(|number| *number > 0)?)
    }

    /// Reads fields 3 (state), 5 (group) and 22 (start time) of proc_pid_stat(5). The name before them is in
    /// parentheses and may itself hold any byte, so the last parenthesis ends it.
    pub(super) fn parse_stat(pid: Pid, stat: &[u8]) -> Option<ProcessEntry> {
        const STATE: usize = 0;
        const GROUP: usize = 2;
        const START_TIME: usize = 19;
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        let fields: Vec<&str> = std::str::from_utf8(&stat[name_end + 1..])
            .ok()?
            .split_ascii_whitespace()
            .collect();
        Some(ProcessEntry {
            pid,
            group: parse_pid(fields.get(GROUP)?)?,
            start_time: StartTime(fields.get(START_TIME)?.parse().ok()?),
            is_dead: matches!(*fields.get(STATE)?, "Z" | "X" | "x"),
        })
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{carries, entries, entry};

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::{Pid, ProcessEntry, io};

    pub(crate) fn entry(_pid: Pid) -> io::Result<Option<ProcessEntry>> {
        Ok(None)
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::entry;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_nothing() {
        let pid = Pid::from_raw(7).unwrap();
        let stat = b"7 (a) Z 1 (b) ) S 1 5 6 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 424242 1 2 3";
        let expected = ProcessEntry {
            pid,
            group: Pid::from_raw(5).unwrap(),
            start_time: StartTime(424_242),
            is_dead: false,
        };
        assert_eq!(linux::parse_stat(pid, stat), Some(expected));
        assert_eq!(linux::parse_stat(pid, b"7 (a) S 1"), None);
        let just_reaped = b"7 (a) X -1 -1 -1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 424242 1 2 3";
        assert_eq!(linux::parse_stat(pid, just_reaped), None);
        assert_eq!(linux::parse_stat(pid, b""), None);
    }

    #[test]
    fn this_process_is_found_in_its_group() {
        let pid = rustix::process::getpid();
        let found = entry(pid).unwrap().unwrap();
        assert_eq!((found.group, found.is_dead), (rustix::process::getpgrp(), false));
        assert!(entries().unwrap().contains(&found));
        assert!(!carries(pid, &Nonce::random().unwrap()).unwrap());
    }
}
