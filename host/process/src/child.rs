//! The handle of one running child: the only way to wait for it, stop it, or learn how it ended.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::timeout;

use crate::custody::{Custody, remove_directory};
use crate::exit::ExitReport;
use crate::leader::ExitWatch;
use crate::lifeline::Lifeline;
use crate::nonce::Nonce;
use crate::oom::OomWatch;
use crate::output::{Drain, OutputReceiver};
use crate::process_table::StartTime;
use crate::spawner::Newborn;
use crate::stop::{OUTPUT_LIMIT, REAP_LIMIT};

/// Says why a child could not be stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TerminateError {
    /// SIGKILL was sent and the process is still there: it hangs in the kernel, on a dead network mount for example.
    #[error("process {pid} did not end within {} ms after SIGKILL; it hangs in the kernel", limit.as_millis())]
    StillThere {
        /// The process.
        pid: u32,
        /// How long it was waited for.
        limit: Duration,
    },
}

/// A running or ended child with its group.
///
/// Dropping it kills the group; the spawner's thread reaps it and removes its directory.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    start_time: Option<StartTime>,
    nonce: Nonce,
    socket: PathBuf,
    lifeline: Option<Lifeline>,
    watch: ExitWatch,
    drain: Drain,
    oom: OomWatch,
    kill_sent: bool,
    report: Option<ExitReport>,
    custody: Custody,
}

impl Child {
    /// Takes charge of a child that was just started; must be called inside a runtime.
    pub(crate) fn adopt(newborn: Newborn) -> io::Result<(Self, OutputReceiver)> {
        let Newborn {
            custody,
            lifeline,
            stdout,
            stderr,
        } = newborn;
        let (Some(leader), Some(directory)) = (custody.leader(), custody.directory()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (drain, output) = Drain::start(stdout, stderr)?;
        let child = Self {
            pid: leader.pid(),
            start_time: leader.start_time(),
            nonce: directory.nonce().clone(),
            socket: directory.socket().to_owned(),
            lifeline: Some(lifeline),
            watch: ExitWatch::new(leader)?,
            drain,
            oom: OomWatch::begin(leader.pid()),
            kill_sent: false,
            report: None,
            custody,
        };
        Ok((child, output))
    }

    /// Shows the process id, which is also that of its group; it may be in use again once the child was waited for.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Shows when it was started; `None` where the system does not tell.
    #[must_use]
    pub fn start_time(&self) -> Option<StartTime> {
        self.start_time
    }

    /// Shows the nonce that its handshake must echo.
    #[must_use]
    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Shows where it is to listen, at most [`SOCKET_PATH_LIMIT`](crate::SOCKET_PATH_LIMIT) bytes.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.socket
    }

    /// Shows the process as long as its number is its own.
    pub(crate) fn unreaped_pid(&self) -> Option<Pid> {
        self.custody.leader().map(|leader| leader.pid())
    }

    /// Copies the last 64 KiB of its output so far.
    pub async fn last_output(&mut self) -> Vec<u8> {
        self.drain.snapshot().await.last_output
    }

    /// Waits until the child has ended by itself, kills what is left of its group and reports. Safe to cancel and to
    /// call again; the report is the same each time.
    pub async fn wait(&mut self) -> ExitReport {
        if let Some(leader) = self.custody.leader() {
            self.watch.exited(leader).await;
        }
        self.conclude().await
    }

    /// Closes the child's stdin, which tells it that its host is gone; a well-made one exits within two seconds.
    pub fn close_lifeline(&mut self) {
        self.lifeline = None;
    }

    /// Stops the group: SIGTERM and end of stdin, then, when `grace` is over, SIGKILL, then reaps and reports.
    ///
    /// The grace ends early when the leader is gone and nobody holds its output any more. Takes at most `grace` and
    /// 450 ms; fails if the leader cannot be killed, and may then be called again.
    pub async fn terminate(&mut self, grace: Duration) -> Result<ExitReport, TerminateError> {
        if let Some(leader) = self.custody.leader() {
            leader.signal_group(Signal::TERM);
            self.lifeline = None;
            let ended = async {
                self.watch.exited(leader).await;
                self.drain.ended().await;
            };
            // Whether the grace was enough does not matter: what is left is killed either way.
            drop(timeout(grace, ended).await);
            self.kill_sent |= !leader.has_exited();
            leader.signal_group(Signal::KILL);
            let limit = REAP_LIMIT;
            if timeout(limit, self.watch.exited(leader)).await.is_err() {
                return Err(TerminateError::StillThere { pid: self.pid(), limit });
            }
        }
        Ok(self.conclude().await)
    }

    /// Does what is left once the leader has exited, in steps that can each be repeated after a cancelled call.
    async fn conclude(&mut self) -> ExitReport {
        if let Some(leader) = self.custody.leader() {
            leader.signal_group(Signal::KILL);
        }
        self.lifeline = None;
        let drained = self.drain.finish(OUTPUT_LIMIT).await;
        if let Some((status, directory)) = self.custody.reap() {
            let was_killed = status.tells_of_sigkill() && !self.kill_sent;
            let report = self.report.insert(ExitReport {
                status,
                oom_killed: self.oom.end(was_killed),
                last_output: drained.last_output,
                output: drained.counts,
                leftover: Some(directory.path().to_owned()),
            });
            report.leftover = remove_directory(directory).await;
        }
        self.report.clone().unwrap_or_else(ExitReport::lost)
    }
}
