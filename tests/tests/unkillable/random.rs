//! SIGKILL of host and plugin at random moments while somebody works in the folder.
//!
//! What is done, and the pauses in between, follow from a seed; on what the processes are at when they are killed, the
//! machine has a say as well. A seed that failed is tried again with `K1S_SEED=17`; `K1S_SEEDS` is how many are tried.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k1s_tests::processes::children;
use k1s_tests::program::Running;
use k1s_tests::random::Random;
use k1s_tests::scene::DEADLINE;
use k1s_tests::tree::{Layout, Step, Taken, Tree};
use rustix::process::{Pid, Signal, kill_process};

use crate::stage::Stage;

/// Seeds, unless the environment says otherwise.
const SEEDS: u64 = 25;
const SEEDS_VARIABLE: &str = "K1S_SEEDS";
const SEED_VARIABLE: &str = "K1S_SEED";
/// Runs at the same time: most of each is waiting.
const WORKERS: usize = 4;

const OBJECTS: usize = 70;
const OBJECT_BYTES: usize = 250;
/// Things done in a run.
const DEEDS: usize = 24;
/// Most keys that are out of the folder at a time, so that no guard holds a delete.
const MAX_ABSENT: usize = 10;
/// Most plugins killed under one host, before it would wait longer than a test should.
const MAX_PLUGIN_KILLS: usize = 3;
/// Longest pause of most, and of some: a delete is believed after 1 s only.
const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_millis(700);

/// One thing that is done. Which file or object is meant follows from the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Changes an object, writing its file in place.
    Edit(u64),
    /// Changes an object, as careful editors do: beside the file, and then renamed.
    Save(u64),
    /// Removes a file.
    Remove(u64),
    /// Writes again what was removed first.
    PutBack,
    RenameFile(u64),
    MoveDirectory(u64),
    KillPlugin,
    /// Kills the host and starts it again after a while.
    KillHost(Duration),
    /// Stops the host as one should, and starts it again.
    StopHost,
}

/// What is done in a run, each with the pause after it.
fn schedule(seed: u64) -> Vec<(Deed, Duration)> {
    let mut random = Random::of(seed, 0);
    let mut kills = 0;
    let mut schedule = Vec::with_capacity(DEEDS);
    for _ in 0..DEEDS {
        let which = random.below(usize::MAX) as u64;
        let deed = match random.below(20) {
            0..=4 => Deed::Edit(which),
            5..=7 => Deed::Save(which),
            8 | 9 => Deed::Remove(which),
            10 => Deed::PutBack,
            11 | 12 => Deed::RenameFile(which),
            13 => Deed::MoveDirectory(which),
            14 | 15 if kills < MAX_PLUGIN_KILLS => Deed::KillPlugin,
            16 => Deed::StopHost,
            _ => Deed::KillHost(pause(&mut random, SHORT)),
        };
        match deed {
            Deed::KillPlugin => kills += 1,
            Deed::KillHost(_) | Deed::StopHost => kills = 0,
            Deed::Edit(_) | Deed::Save(_) | Deed::Remove(_) => {}
            Deed::PutBack | Deed::RenameFile(_) | Deed::MoveDirectory(_) => {}
        }
        let longest = if random.once_in(6) { LONG } else { SHORT };
        schedule.push((deed, pause(&mut random, longest)));
    }
    schedule
}

fn pause(random: &mut Random, longest: Duration) -> Duration {
    let longest = usize::try_from(longest.as_micros()).unwrap_or(usize::MAX);
    Duration::from_micros(random.below(longest) as u64)
}

/// A run that goes on.
struct Run {
    stage: Stage,
    tree: Tree,
    absent: VecDeque<Taken>,
    absent_keys: usize,
    host: Option<Running>,
}

impl Run {
    fn new(seed: u64) -> anyhow::Result<Self> {
        let tree = Tree::shaped(seed, OBJECTS, OBJECT_BYTES, Layout::Mixed);
        Ok(Self {
            stage: Stage::over(&tree)?,
            tree,
            absent: VecDeque::new(),
            absent_keys: 0,
            host: None,
        })
    }

    fn perform(&mut self, schedule: &[(Deed, Duration)]) -> anyhow::Result<()> {
        self.start()?;
        // From here on nothing can happen that the watcher is not told.
        self.stage.settle(self.host.as_mut().context("a host")?)?;
        self.stage.watcher.until_watching(1, DEADLINE)?;
        for (deed, pause) in schedule {
            self.perform_one(*deed).with_context(|| format!("{deed:?}"))?;
            // Where in its work this meets a process is what the seed chooses.
            thread::sleep(*pause);
        }
        let mut host = self.host.take().context("a host")?;
        self.stage.settle(&mut host)?;
        self.stage.stop(host)?.expect_code(0)?;
        self.stage.check_file()
    }

    fn perform_one(&mut self, deed: Deed) -> anyhow::Result<()> {
        let step = match deed {
            Deed::Edit(which) => Some(self.edit(which)?),
            Deed::Save(which) => Some(self.edit(which)?),
            Deed::Remove(which) => self.remove(which)?,
            Deed::PutBack => self.put_back()?,
            Deed::RenameFile(which) => self.rename_file(which)?,
            Deed::MoveDirectory(which) => self.move_directory(which)?,
            Deed::KillPlugin => return self.kill_plugin(),
            Deed::KillHost(down) => return self.kill_host(down),
            Deed::StopHost => return self.stop_host(),
        };
        let root = self.stage.scene.manifests();
        match step {
            Some(Step::Write { path, text }) if matches!(deed, Deed::Save(_)) => {
                let beside = root.join(".saved");
                fs::write(&beside, text)?;
                fs::rename(beside, root.join(path))?;
            }
            Some(step) => step.apply(&root)?,
            None => return Ok(()),
        }
        self.stage.record()
    }

    fn edit(&mut self, which: u64) -> anyhow::Result<Step> {
        let keys: Vec<_> = self.tree.keys().into_iter().collect();
        self.tree.edit(one_of(&keys, which)?)
    }

    /// What was put back may stand beside what it was renamed to; that stays.
    fn rename_file(&mut self, which: u64) -> anyhow::Result<Option<Step>> {
        let target = |path: &str| match path.rsplit_once('/') {
            Some((directory, name)) => format!("{directory}/renamed-{name}"),
            None => format!("renamed-{path}"),
        };
        let taken: BTreeSet<&str> = self.tree.files().collect();
        let is_free = |path: &&str| !taken.contains(&*target(path));
        let files: Vec<String> = self.tree.files().filter(is_free).map(str::to_owned).collect();
        let Ok(path) = one_of(&files, which) else {
            return Ok(None);
        };
        self.tree.rename_file(path).map(Some)
    }

    fn move_directory(&mut self, which: u64) -> anyhow::Result<Option<Step>> {
        let moved = self.stage.scene.manifests().join("moved");
        let directories = self.tree.directories().into_iter();
        let free: Vec<String> = directories
            .filter(|directory| !moved.join(directory).exists())
            .map(str::to_owned)
            .collect();
        let Ok(directory) = one_of(&free, which) else {
            return Ok(None);
        };
        self.tree.move_directory(directory).map(Some)
    }

    /// Nothing goes on which others depend, and never so much that a guard would have a say.
    fn remove(&mut self, which: u64) -> anyhow::Result<Option<Step>> {
        let is_root = |kind: &str| ["Namespace", "CustomResourceDefinition"].contains(&kind);
        let may_go = |path: &&str| {
            let keys = self.tree.keys_in(path);
            self.absent_keys + keys.len() <= MAX_ABSENT && !keys.iter().any(|key| is_root(&key.group_kind.kind))
        };
        let files: Vec<String> = self.tree.files().filter(may_go).map(str::to_owned).collect();
        let Ok(path) = one_of(&files, which) else {
            return Ok(None);
        };
        self.absent_keys += self.tree.keys_in(path).len();
        let (step, taken) = self.tree.take_file(path)?;
        self.absent.push_back(taken);
        Ok(Some(step))
    }

    fn put_back(&mut self) -> anyhow::Result<Option<Step>> {
        let Some(taken) = self.absent.pop_front() else {
            return Ok(None);
        };
        let before = self.tree.keys().len();
        let step = self.tree.put_back(taken)?;
        self.absent_keys -= self.tree.keys().len() - before;
        Ok(Some(step))
    }

    fn start(&mut self) -> anyhow::Result<()> {
        self.host = Some(self.stage.start(&Vec::new(), &Vec::new())?);
        Ok(())
    }

    fn kill_plugin(&self) -> anyhow::Result<()> {
        let host = self.host.as_ref().context("a host")?;
        for id in children(host.id()) {
            let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("a process")?;
            // It may have ended by itself.
            kill_process(pid, Signal::KILL).ok();
        }
        Ok(())
    }

    fn kill_host(&mut self, down: Duration) -> anyhow::Result<()> {
        let mut host = self.host.take().context("a host")?;
        let lives = host.signal(Signal::KILL);
        let finished = host.wait(DEADLINE)?;
        lives.with_context(|| format!("{finished:?}"))?;
        thread::sleep(down);
        self.start()
    }

    fn stop_host(&mut self) -> anyhow::Result<()> {
        let host = self.host.take().context("a host")?;
        self.stage.stop(host)?;
        self.start()
    }
}

fn one_of<T>(all: &[T], which: u64) -> anyhow::Result<&T> {
    ensure!(!all.is_empty(), "nothing to choose from");
    let index = usize::try_from(which % all.len() as u64)?;
    all.get(index).context("one of all")
}

fn try_seed(seed: u64) -> anyhow::Result<()> {
    let schedule = schedule(seed);
    let outcome = Run::new(seed).and_then(|mut run| run.perform(&schedule));
    outcome.with_context(|| format!("{SEED_VARIABLE}={seed}, {schedule:?}"))
}

fn number(variable: &str) -> anyhow::Result<Option<u64>> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text.parse().with_context(|| format!("{variable}={text}"))?)),
        Err(_unset) => Ok(None),
    }
}

#[test]
fn kills_at_random_moments_lose_nothing() -> anyhow::Result<()> {
    if let Some(seed) = number(SEED_VARIABLE)? {
        return try_seed(seed);
    }
    let last = number(SEEDS_VARIABLE)?.unwrap_or(SEEDS);
    let (next, failures) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > last {
                        return;
                    }
                    if let Err(error) = try_seed(seed) {
                        eprintln!("{error:?}");
                        failures.lock().expect("no panic before").push(seed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner()?;
    ensure!(
        failures.is_empty(),
        "{} of {last} seeds failed: {failures:?}",
        failures.len()
    );
    Ok(())
}

#[test]
fn a_seed_decides_what_is_done() {
    assert_eq!(schedule(3), schedule(3));
    assert_ne!(schedule(3), schedule(4));
    let all: Vec<Deed> = (1..=SEEDS).flat_map(schedule).map(|(deed, _)| deed).collect();
    for kind in [Deed::KillPlugin, Deed::StopHost, Deed::PutBack] {
        assert!(all.contains(&kind), "{kind:?}");
    }
    let kills = all.iter().filter(|deed| matches!(deed, Deed::KillHost(_))).count();
    assert!(kills as u64 > 2 * SEEDS, "{kills}");
}
