//! Runs the real host once with a plugin, and measures it from outside.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use k1s_tests::processes::children;
use k1s_tests::program;
use rustix::process::{Pid, Signal, kill_process};

use super::ground::Ground;
use super::side::Side;
use crate::cost::{self, Stopwatch, Whose, peak_memory, written};

/// Longest time a run may take; a host that hangs must not hang the measurement.
const DEADLINE: Duration = Duration::from_secs(30 * 60);
/// How often the plugin's memory is looked at. The figure only grows, so nothing but its very end can be missed.
const GLANCE: Duration = Duration::from_millis(50);
/// How the line begins that tells what a listing led to, after the name of the source.
pub(super) const SUMMARY: &str = "live: ";

/// A run that did what was expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    /// Of host and plugin together.
    pub(super) side: Side,
    /// When the host said that everything of the listing is durable, by [`cost::now`].
    pub(super) told: Duration,
}

/// The command of a host with a plugin, which is a program or the name that a registry file gives it, over a data directory.
pub(super) fn command(ground: &Ground, plugin: impl AsRef<OsStr>, settings: &[String], data: &Path) -> Command {
    let mut command = Command::new(ground.program(program::HOST));
    command.arg("--plugin").arg(plugin);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command.arg("--data-dir").arg(data);
    command.env("XDG_RUNTIME_DIR", ground.runtime()).stdin(Stdio::null());
    command
}

/// Runs the host with a plugin over a data directory until everything was listed once. `expected` is what its summary has
/// to say, with no commas in its numbers.
///
/// # Errors
/// When the host cannot be started, does not exit with 0 in time, or says something else than expected.
pub(super) fn once(
    ground: &Ground,
    plugin: &str,
    settings: &[String],
    data: &Path,
    expected: &str,
) -> anyhow::Result<Finished> {
    run(command(ground, ground.program(plugin), settings, data), expected)
}

/// Runs a command of [`command`] until everything was listed once.
///
/// # Errors
/// As [`once`].
pub(super) fn run(mut command: Command, expected: &str) -> anyhow::Result<Finished> {
    command.arg("--once");
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
    if !status.success() || !heard.text.replace(',', "").contains(expected) {
        let said = contents(&mut log)?;
        bail!("{command:?}: {status}, expected {expected:?}\n{}{said}", heard.text);
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
