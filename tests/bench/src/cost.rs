//! What a piece of work costs: time, processor time, memory; read from the clock and from `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Whose processor time is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This process's.
    Own,
    /// That of children that have ended and were waited for, and of theirs.
    Children,
}

/// Fields of `/proc/PID/stat` after the name of the program: user and system time.
const OWN_FIELDS: [usize; 2] = [11, 12];
/// The same of children that were waited for.
const CHILDREN_FIELDS: [usize; 2] = [13, 14];
/// Fields of `/proc/stat` that count time in which a processor did nothing: idle and waiting for a disk.
const IDLE_FIELDS: [usize; 2] = [3, 4];
/// Fields of `/proc/stat` that add up to all time; what guests take is in them already.
const ALL_FIELDS: usize = 8;

/// What a piece of work cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Wall time in seconds.
    pub seconds: f64,
    /// Processor time in seconds, in steps of the system's clock tick (10 ms).
    pub cpu_seconds: f64,
    /// The part of all processors, from 0 to 1, that everything else on the machine took meanwhile.
    pub others: f64,
}

/// Measures a piece of work from its making to [`stop`](Stopwatch::stop).
#[derive(Debug)]
pub struct Stopwatch {
    whose: Whose,
    start: Instant,
    cpu: Duration,
    machine: Duration,
}

impl Stopwatch {
    /// Starts to measure.
    ///
    /// # Errors
    /// When `/proc` does not tell.
    pub fn start(whose: Whose) -> anyhow::Result<Self> {
        Ok(Self {
            whose,
            cpu: cpu(whose)?,
            machine: machine()?,
            start: Instant::now(),
        })
    }

    /// Says what was spent since the start.
    ///
    /// # Errors
    /// When `/proc` does not tell.
    pub fn stop(self) -> anyhow::Result<Cost> {
        let wall = self.start.elapsed();
        let cpu = cpu(self.whose)?.saturating_sub(self.cpu);
        let others = machine()?.saturating_sub(self.machine).saturating_sub(cpu);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let available = wall.as_secs_f64() * cores as f64;
        Ok(Cost {
            seconds: wall.as_secs_f64(),
            cpu_seconds: cpu.as_secs_f64(),
            others: (others.as_secs_f64() / available).min(1.0),
        })
    }
}

/// The time of a clock that all processes of this machine share.
#[must_use]
pub fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The most memory a process has had so far, in bytes; none if it has ended.
#[must_use]
pub fn peak_memory(process: u32) -> Option<u64> {
    memory(process, "VmHWM:")
}

/// The memory a process has now, in bytes; none if it has ended.
#[must_use]
pub fn resident_memory(process: u32) -> Option<u64> {
    memory(process, "VmRSS:")
}

fn memory(process: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// Processor time of a process and its threads so far; its children's is not in it.
///
/// # Errors
/// When it has ended.
pub fn spent(process: u32) -> anyhow::Result<Duration> {
    stat_time(&process.to_string(), &OWN_FIELDS)
}

/// What a process has caused to be written to disks so far, in bytes; none if it has ended or is somebody else's.
#[must_use]
pub fn written(process: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?;
    line.trim().parse().ok()
}

fn cpu(whose: Whose) -> anyhow::Result<Duration> {
    let fields = match whose {
        Whose::Own => OWN_FIELDS,
        Whose::Children => CHILDREN_FIELDS,
    };
    stat_time("self", &fields)
}

/// Adds up fields of `/proc/PROCESS/stat` that are times.
fn stat_time(process: &str, fields: &[usize]) -> anyhow::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // The name of the program is in brackets and may hold anything.
    let (_, rest) = stat
        .rsplit_once(')')
        .context("the state of a process names no program")?;
    Ok(of_ticks(numbers(rest.split_whitespace(), fields).iter().sum()))
}

/// Time in which processors of this machine were at work, added up.
fn machine() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu "));
    let fields = line.context("/proc/stat does not begin with all processors")?;
    let busy: Vec<usize> = (0..ALL_FIELDS).filter(|field| !IDLE_FIELDS.contains(field)).collect();
    Ok(of_ticks(numbers(fields.split_whitespace(), &busy).iter().sum()))
}

fn numbers<'t>(words: impl Iterator<Item = &'t str>, fields: &[usize]) -> Vec<u64> {
    let words: Vec<&str> = words.collect();
    let wanted = fields.iter().filter_map(|field| words.get(*field));
    wanted.filter_map(|word| word.parse().ok()).collect()
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / clock_ticks_per_second())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn work_is_seen_and_rest_is_not() {
        let watch = Stopwatch::start(Whose::Own).unwrap();
        let mut turns = 0_u64;
        while cpu(Whose::Own).unwrap() < watch.cpu + Duration::from_millis(50) {
            turns += 1;
        }
        let cost = watch.stop().unwrap();
        assert!(
            cost.cpu_seconds >= 0.05 && cost.seconds >= 0.04 && turns > 0,
            "{cost:?}"
        );
        assert!((0.0..=1.0).contains(&cost.others), "{cost:?}");
    }

    #[test]
    fn children_count_once_they_were_waited_for() {
        let watch = Stopwatch::start(Whose::Children).unwrap();
        let status = Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"])
            .status();
        assert!(status.unwrap().success());
        assert!(watch.stop().unwrap().cpu_seconds > 0.0);
    }

    #[test]
    fn memory_is_told_of_what_runs() {
        assert!(peak_memory(std::process::id()).unwrap() > 1 << 20);
        assert_eq!(peak_memory(u32::MAX), None);
        assert!(resident_memory(std::process::id()).unwrap() > 1 << 20);
        assert_eq!(resident_memory(u32::MAX), None);
        assert!(spent(std::process::id()).is_ok() && spent(u32::MAX).is_err());
        assert!(written(std::process::id()).is_some());
        assert_eq!(written(u32::MAX), None);
    }
}
