//! Runs the real host once with a plugin, and measures it from outside.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use k1s_tests::processes::children;
use k1s_tests::program;
use rustix::process::{Pid, Signal, kill_process};

use super::row::Side;
use crate::cost::{self, Stopwatch, Whose, peak_memory, written};

/// Longest time a run may take; a host that hangs must not hang the measurement.
const DEADLINE: Duration = Duration::from_secs(30 * 60);
/// How often the plugin's memory is looked at. The figure only grows, so nothing but its very end can be missed.
const GLANCE: Duration = Duration::from_millis(50);
/// How the line begins that tells what a listing led to, after the name of the source.
pub(super) const SUMMARY: &str = "live: ";

/// The directory of the programs, which is that of this one.
pub(super) fn programs() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("finding this program")?;
    let programs = this.parent().context("this program is in no directory")?.to_owned();
    for name in [program::HOST, program::FILESYSTEM_SOURCE, super::stream::SOURCE] {
        let path = programs.join(name);
        ensure!(
            path.is_file(),
            "{} is missing; `cargo xtask bench` builds it",
            path.display()
        );
    }
    Ok(programs)
}

/// What a run of the host is given.
pub(super) struct Job<'j> {
    pub(super) programs: &'j Path,
    /// The plugin's program.
    pub(super) plugin: &'j str,
    /// Its configuration, as `key=value`.
    pub(super) settings: &'j [String],
    /// The data directory.
    pub(super) data: &'j Path,
    /// A short private directory, because the path of a socket is short.
    pub(super) runtime: &'j Path,
    /// What the summary has to say, with no commas in its numbers.
    pub(super) expected: String,
}

/// A run that did what was expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    /// Of host and plugin together.
    pub(super) side: Side,
    /// When the host said that everything of the listing is durable, by [`cost::now`].
    pub(super) told: Duration,
}

/// Runs a job to its end.
///
/// # Errors
/// When the host cannot be started, does not exit with 0 in time, or says something else than expected.
pub(super) fn once(job: &Job<'_>) -> anyhow::Result<Finished> {
    let mut command = Command::new(job.programs.join(program::HOST));
    command.arg("--plugin").arg(job.programs.join(job.plugin));
    for setting in job.settings {
        command.args(["--set", setting]);
    }
    command.arg("--once").arg("--data-dir").arg(job.data);
    command.env("XDG_RUNTIME_DIR", job.runtime).stdin(Stdio::null());
    let mut log = tempfile::tempfile()?;
    command.stdout(Stdio::piped()).stderr(log.try_clone()?);

    let watch = Stopwatch::start(Whose::Children)?;
    let mut host = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let id = host.id();
    let printed = host.stdout.take().context("the host has no standard output")?;
    let (ended, ends) = sync_channel::<()>(0);
    let (heard, status, plugin_peak) = thread::scope(|scope| {
        let guard = scope.spawn(move || guard(id, &ends));
        let heard = listen(printed, id);
        let status = host.wait();
        drop(ended);
        (heard, status, guard.join().ok().flatten())
    });
    let (cost, heard, status) = (watch.stop()?, heard?, status?);
    if !status.success() || !heard.text.replace(',', "").contains(&job.expected) {
        let said = contents(&mut log)?;
        bail!(
            "{command:?}: {status}, expected {:?}\n{}{said}",
            job.expected,
            heard.text
        );
    }
    let Summary { told, peak, written } = heard.summary.context("the host told of no listing")?;
    let side = Side {
        cost,
        peak,
        plugin_peak,
        written,
    };
    Ok(Finished { side, told })
}

/// What the host printed.
struct Heard {
    text: String,
    summary: Option<Summary>,
}

/// What was true when the host told of its listing: everything of it was durable, and the host still ran.
struct Summary {
    told: Duration,
    peak: Option<u64>,
    written: Option<u64>,
}

fn listen(printed: ChildStdout, host: u32) -> anyhow::Result<Heard> {
    let mut heard = Heard {
        text: String::new(),
        summary: None,
    };
    for line in BufReader::new(printed).lines() {
        let line = line.context("reading what the host prints")?;
        if heard.summary.is_none() && line.contains(SUMMARY) {
            heard.summary = Some(Summary {
                told: cost::now(),
                peak: peak_memory(host),
                written: written(host),
            });
        }
        heard.text.push_str(&line);
        heard.text.push('\n');
    }
    Ok(heard)
}

/// Looks at the host's plugin until the host has ended, and kills a host that does not end. Returns the most memory the
/// plugin had; what it took after the last look, [`GLANCE`] before its end, is not in it.
fn guard(host: u32, ends: &Receiver<()>) -> Option<u64> {
    let begun = Instant::now();
    let (mut plugin, mut peak, mut is_killed) = (None, None, false);
    while ends.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
        plugin = plugin.or_else(|| children(host).first().copied());
        peak = peak.max(plugin.and_then(peak_memory));
        if begun.elapsed() > DEADLINE && !is_killed {
            is_killed = kill(host);
        }
    }
    peak
}

/// Kills a process; false if it has just ended.
fn kill(process: u32) -> bool {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw);
    id.is_some_and(|id| kill_process(id, Signal::KILL).is_ok())
}

fn contents(log: &mut File) -> anyhow::Result<String> {
    let mut text = String::new();
    log.rewind()?;
    log.read_to_string(&mut text)?;
    Ok(text)
}
