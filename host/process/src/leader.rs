//! The started process as long as it is not reaped: the only one that may be signalled.
//!
//! A number stays taken until its process is reaped, and a group's number is that of its leader. So while a [`Leader`]
//! exists, a signal to its group reaches that group and no other.

use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::oneshot;

use crate::exit::ExitStatus;
use crate::process_table::StartTime;

/// A child of this host that leads its own group and is not reaped.
#[derive(Debug)]
pub(crate) struct Leader {
    pid: Pid,
    start_time: Option<StartTime>,
}

impl Leader {
    /// Takes over a child that was just started in a group of its own and that nothing else will reap.
    pub(crate) fn new(pid: Pid, start_time: Option<StartTime>) -> Self {
        Self { pid, start_time }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn start_time(&self) -> Option<StartTime> {
        self.start_time
    }

    /// Signals every member of the group. That none is left, or that the rest may not be signalled (BSD says so of a
    /// group of zombies), leaves nothing to do.
    pub(crate) fn signal_group(&self, signal: Signal) {
        match kill_process_group(self.pid, signal) {
            Ok(()) | Err(_) => {}
        }
    }

    /// Tells whether the leader has ended, without reaping it.
    pub(crate) fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match retry_interrupted(|| waitid(WaitId::Pid(self.pid), options)) {
            Ok(status) => status.is_some(),
            Err(_) => true,
        }
    }

    /// Kills what is left of the group and reaps the leader, which must have exited.
    pub(crate) fn reap(self) -> ExitStatus {
        self.signal_group(Signal::KILL);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        match retry_interrupted(|| waitid(WaitId::Pid(self.pid), options)) {
            Ok(Some(status)) => ExitStatus::from_wait(&status),
            Ok(None) | Err(_) => ExitStatus::Unknown,
        }
    }
}

/// Tells when a leader has exited, without reaping it.
#[derive(Debug)]
pub(crate) enum ExitWatch {
    /// The kernel's own descriptor for the process becomes readable.
    #[cfg(target_os = "linux")]
    PidFd(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>),
    /// A thread waits, where there are no pidfds or a filter denies them; `None` once it has answered.
    Thread(Option<oneshot::Receiver<()>>),
}

impl ExitWatch {
    /// Begins to watch; must be called inside a runtime.
    pub(crate) fn new(leader: &Leader) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Ok(pidfd) = rustix::process::pidfd_open(leader.pid, rustix::process::PidfdFlags::empty()) {
            let interest = tokio::io::Interest::READABLE;
            // SAFETY: an `OwnedFd` is open and names the same description until it is dropped, with the `AsyncFd`.
            let registered = unsafe { tokio::io::unix::AsyncFd::register_with_interest(pidfd, interest) };
            return Ok(Self::PidFd(registered.map_err(io::Error::from)?));
        }
        Self::by_thread(leader.pid)
    }

    fn by_thread(pid: Pid) -> io::Result<Self> {
        let (exited, watch) = oneshot::channel();
        let wait = move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            match retry_interrupted(|| waitid(WaitId::Pid(pid), options)) {
                // An error means that the process is gone, which is what is waited for.
                Ok(_) | Err(_) => drop(exited),
            }
        };
        std::thread::Builder::new()
            .name(format!("k1s-wait-{pid}"))
            .spawn(wait)?;
        Ok(Self::Thread(Some(watch)))
    }

    /// Waits until `leader`, which this was made for, has exited. Safe to cancel.
    pub(crate) async fn exited(&mut self, leader: &Leader) {
        while !leader.has_exited() {
            match self {
                #[cfg(target_os = "linux")]
                Self::PidFd(pidfd) => match pidfd.readable().await {
                    Ok(mut ready) if !leader.has_exited() => ready.clear_ready(),
                    Ok(_) => {}
                    // The runtime is shutting down and nothing will be polled again.
                    Err(_) => std::future::pending().await,
                },
                Self::Thread(Some(watch)) => {
                    // The thread drops its end instead of sending.
                    drop(watch.await);
                    *self = Self::Thread(None);
                }
                Self::Thread(None) => return,
            }
        }
    }
}

fn retry_interrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    #[expect(clippy::zombie_processes, reason = "the leader made of it is reaped by each test")]
    fn start(script: &str) -> (Leader, std::process::ChildStdin) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).process_group(0).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        (Leader::new(pid, None), child.stdin.take().unwrap())
    }

    #[tokio::test]
    async fn both_watches_see_the_exit_and_leave_the_reaping_to_others() {
        for by_thread in [false, true] {
            let (leader, stdin) = start("read line; exit 7");
            let mut watch = if by_thread {
                ExitWatch::by_thread(leader.pid()).unwrap()
            } else {
                ExitWatch::new(&leader).unwrap()
            };
            assert!(!leader.has_exited());
            drop(stdin);
            watch.exited(&leader).await;
            watch.exited(&leader).await;
            assert!(leader.has_exited());
            assert_eq!(leader.reap(), ExitStatus::Code(7));
        }
    }

    #[test]
    fn a_status_that_was_taken_by_others_is_unknown() {
        let (leader, stdin) = start("read line");
        drop(stdin);
        waitid(WaitId::Pid(leader.pid()), WaitIdOptions::EXITED).unwrap();
        assert!(leader.has_exited());
        assert_eq!(leader.reap(), ExitStatus::Unknown);
    }
}
