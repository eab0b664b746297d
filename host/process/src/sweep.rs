//! Kills what hosts that are gone left behind, and removes their directories.
//!
//! A host whose lock can be taken is gone. Each of its launches left a record with a nonce and, unless the host died in
//! the very moment, the number and start time of the group's leader. A group is ours if one of its members was started
//! with that nonce; numbers alone prove nothing, they are used again. Each member of a proven group is then opened as a
//! pidfd, looked at once more, and killed through it. What cannot be proven is left alone and reported.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::launch_record::LaunchRecord;
use crate::removal::remove_tree;
use crate::runtime_dir::{LOCK_SUFFIX, RuntimeDirectory, RuntimeDirectoryError, io_error, try_lock};

/// A process that was killed because its host is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweptProcess {
    /// The number it had.
    pub pid: u32,
    /// The directory of its launch.
    pub launch: PathBuf,
}

/// Something of an earlier host that was left as it is; the next sweep tries again.
#[derive(Debug, thiserror::Error)]
pub enum Unswept {
    /// Processes of the group may still run, but it cannot be proven that they are ours.
    #[error(
        "process group {group} may be left from an earlier host, but its environment cannot be read; look at it and end it by hand"
    )]
    Unproven {
        /// The number of the group.
        group: u32,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A process was killed and is still there.
    #[error("process {pid} of an earlier host cannot be killed")]
    StillThere {
        /// The process.
        pid: u32,
    },
    /// The system has no pidfds or hides its processes.
    #[error("cannot look for processes that an earlier host left")]
    NoProcessTable(#[source] io::Error),
    /// A file or directory of an earlier host cannot be read or removed.
    #[error(transparent)]
    Directory(#[from] RuntimeDirectoryError),
}

/// What a sweep did.
#[derive(Debug, Default)]
pub struct SweepReport {
    /// How many earlier hosts were found and cleared away.
    pub hosts: usize,
    /// The processes that were killed.
    pub killed: Vec<SweptProcess>,
    /// What was left as it is.
    pub unswept: Vec<Unswept>,
}

impl RuntimeDirectory {
    /// Clears away what earlier hosts with the same base left; living hosts are not touched. Meant for the start, before
    /// the first launch. Blocks, for at most a second per process that does not die.
    #[must_use]
    pub fn sweep(&self) -> SweepReport {
        let mut report = SweepReport::default();
        match locks(self.base()) {
            Ok(locks) => {
                for lock in &locks {
                    if let Err(error) = sweep_host(lock, &mut report) {
                        report.unswept.push(error);
                    }
                }
            }
            Err(error) => report.unswept.push(error.into()),
        }
        report
    }
}

fn locks(base: &Path) -> Result<Vec<PathBuf>, RuntimeDirectoryError> {
    let mut locks = entries(base)?;
    locks.retain(|path| path.extension().is_some_and(|extension| extension == LOCK_SUFFIX));
    Ok(locks)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, RuntimeDirectoryError> {
    let read = || {
        fs::read_dir(directory)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()
    };
    let mut entries = read().map_err(io_error("list", directory))?;
    entries.sort();
    Ok(entries)
}

/// Clears one host away, unless it lives; what cannot be removed stays with its lock file for the next sweep.
fn sweep_host(lock_path: &Path, report: &mut SweepReport) -> Result<(), Unswept> {
    let lock = match OpenOptions::new().write(true).open(lock_path) {
        Ok(lock) => lock,
        // The host, or a sweep of another one, removed it just now.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("open", lock_path)(error).into()),
    };
    if !try_lock(&lock, lock_path)? {
        return Ok(());
    }
    let host = lock_path.with_extension("");
    if host.is_dir() {
        let launches = entries(&host)?;
        let failures: Vec<Unswept> = launches
            .iter()
            .filter_map(|launch| sweep_launch(launch, &mut report.killed).err())
            .collect();
        if !failures.is_empty() {
            report.unswept.extend(failures);
            return Ok(());
        }
        fs::remove_dir(&host).map_err(io_error("remove", &host))?;
    }
    fs::remove_file(lock_path).map_err(io_error("remove", lock_path))?;
    report.hosts += 1;
    Ok(())
}

/// Kills the group of one launch, then removes its directory; a launch without a record was never started.
fn sweep_launch(launch: &Path, killed: &mut Vec<SweptProcess>) -> Result<(), Unswept> {
    if let Some(record) = LaunchRecord::read(launch).map_err(io_error("read the record of", launch))? {
        kill_group_of(&record, launch, killed)?;
    }
    remove_tree(launch).map_err(io_error("remove", launch))?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn kill_group_of(_record: &LaunchRecord, _launch: &Path, _killed: &mut Vec<SweptProcess>) -> Result<(), Unswept> {
    Ok(())
}

#[cfg(target_os = "linux")]
use linux::kill_group_of;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, pidfd_open, pidfd_send_signal};

    use super::{LaunchRecord, Path, SweptProcess, Unswept, io};
    use crate::process_table::{ProcessEntry, carries, entries, entry};

    /// How often a group is looked at again for members that were started while others were killed.
    const ROUNDS: usize = 8;
    /// How long one killed process may take to be gone.
    const DEATH_LIMIT: Duration = Duration::from_secs(1);

    pub(super) fn kill_group_of(
        record: &LaunchRecord,
        launch: &Path,
        killed: &mut Vec<SweptProcess>,
    ) -> Result<(), Unswept> {
        for _ in 0..ROUNDS {
            let members = proven_members(record)?;
            if members.is_empty() {
                return Ok(());
            }
            for member in &members {
                if kill(member)? {
                    killed.push(SweptProcess {
                        pid: number(member.pid),
                        launch: launch.to_owned(),
                    });
                }
            }
        }
        match proven_members(record)?.first() {
            Some(member) => Err(Unswept::StillThere {
                pid: number(member.pid),
            }),
            None => Ok(()),
        }
    }

    /// What the nonce says about some processes.
    enum Proof {
        /// A member of this group carries it.
        Group(Pid),
        /// A process could not be asked, and no other carries it.
        Hidden { group: Pid, source: io::Error },
        /// Nobody carries it.
        Nobody,
    }

    /// Lists the living members of the group in which somebody carries the nonce. A group's number is not used again as
    /// long as it has members, so one of ours proves all.
    fn proven_members(record: &LaunchRecord) -> Result<Vec<ProcessEntry>, Unswept> {
        let own_group = getpgrp();
        let mut candidates = entries().map_err(Unswept::NoProcessTable)?;
        candidates.retain(|entry| !entry.is_dead && entry.group != own_group);
        if let Some(leader) = record.leader {
            candidates.retain(|entry| entry.group == leader.pid);
            // A leader with another start time is a stranger, and so is everybody in its group.
            let is_reused = |entry: &ProcessEntry| {
                entry.pid == leader.pid
                    && leader
                        .start_time
                        .is_some_and(|start_time| start_time != entry.start_time)
            };
            if candidates.iter().any(is_reused) {
                return Ok(Vec::new());
            }
        }
        match (proof(&candidates, record), record.leader) {
            (Proof::Group(group), _) => candidates.retain(|entry| entry.group == group),
            (Proof::Hidden { group, source }, Some(_)) => {
                return Err(Unswept::Unproven {
                    group: number(group),
                    source,
                });
            }
            // Without a leader all processes of the system are candidates, and some of them are always hidden.
            (Proof::Hidden { .. }, None) | (Proof::Nobody, _) => candidates.clear(),
        }
        Ok(candidates)
    }

    fn proof(candidates: &[ProcessEntry], record: &LaunchRecord) -> Proof {
        let mut proof = Proof::Nobody;
        for ProcessEntry { pid, group, .. } in candidates {
            match carries(*pid, &record.nonce) {
                Ok(true) => return Proof::Group(*group),
                Ok(false) => {}
                Err(source) => proof = Proof::Hidden { group: *group, source },
            }
        }
        proof
    }

    /// Kills exactly the process that was looked at: what the pidfd holds is checked again before the signal. False if
    /// it was gone already.
    fn kill(member: &ProcessEntry) -> Result<bool, Unswept> {
        let pidfd = match pidfd_open(member.pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Ok(false),
            Err(error) => return Err(Unswept::NoProcessTable(error.into())),
        };
        if entry(member.pid).map_err(Unswept::NoProcessTable)?.as_ref() != Some(member) {
            return Ok(false);
        }
        match pidfd_send_signal(&pidfd, Signal::KILL) {
            Ok(()) => {}
            Err(Errno::SRCH) => return Ok(false),
            Err(_) => {
                return Err(Unswept::StillThere {
                    pid: number(member.pid),
                });
            }
        }
        if wait_for_death(&pidfd).is_ok_and(|dead| dead) {
            Ok(true)
        } else {
            Err(Unswept::StillThere {
                pid: number(member.pid),
            })
        }
    }

    fn wait_for_death(pidfd: &OwnedFd) -> io::Result<bool> {
        let limit = Timespec {
            tv_sec: DEATH_LIMIT.as_secs().cast_signed(),
            tv_nsec: 0,
        };
        loop {
            match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&limit)) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn number(pid: Pid) -> u32 {
        pid.as_raw_nonzero().get().unsigned_abs()
    }
}
