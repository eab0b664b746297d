//! One death and what follows from it.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::processes::{children, is_stopped};
use k1s_tests::program::Running;
use k1s_tests::scene::DEADLINE;
use k1s_tests::tree::{Layout, Tree};
use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Environment, Stage};

/// More than one batch holds.
const OBJECTS: usize = 640;
const OBJECT_BYTES: usize = 300;
/// Keys in which the two trees differ, evenly over the kinds: what goes stays inside the guard.
const DIFFERENT: usize = 90;
/// Runs the trials of one point only.
const POINT: &str = "K1S_POINT";

const CRASH_AT: &str = "K1S_CRASH_AT";
const HOLD_AT: &str = "K1S_HOLD_AT";
const MARK: &str = "K1S_CRASH_MARK";

/// When the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// While the store is filled for the first time.
    First,
    /// In the listing after a third of what differs was created, edited and removed while no host ran.
    Changed,
    /// While the same changes are followed.
    Live,
    /// While everything is stopped.
    Stopping,
}

/// Who dies, and how: after which passages, as `k1s-crash` reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The host kills itself and is started again.
    Host(&'static str),
    /// The plugin kills itself; the host starts it again.
    Plugin(&'static str),
    /// The host stands still while the plugin is killed, then goes on.
    PluginUnderHost(&'static str),
    /// The plugin stands still while the host is killed, which is started again.
    HostOverPlugin(&'static str),
}

impl Way {
    fn environments(self, stage: &Stage) -> (Environment, Environment) {
        let armed = |variable, at: &str| {
            let mark = stage.mark().display().to_string();
            vec![(variable, at.to_owned()), (MARK, mark)]
        };
        match self {
            Self::Host(at) => (armed(CRASH_AT, at), Vec::new()),
            Self::PluginUnderHost(at) => (armed(HOLD_AT, at), Vec::new()),
            Self::Plugin(at) => (Vec::new(), armed(CRASH_AT, at)),
            Self::HostOverPlugin(at) => (Vec::new(), armed(HOLD_AT, at)),
        }
    }
}

/// A name of `docs/reliability.md`, and a way to die there at a time.
pub(crate) type Trial = (&'static str, When, Way);

/// Two trees, and which of them is in the folder.
pub(crate) struct Series {
    pub(crate) stage: Stage,
    trees: [Tree; 2],
}

impl Series {
    pub(crate) fn new(seed: u64) -> anyhow::Result<Self> {
        let tree = Tree::shaped(seed, OBJECTS, OBJECT_BYTES, Layout::Mixed);
        let other = tree.branch(DIFFERENT);
        Ok(Self {
            stage: Stage::over(&tree)?,
            trees: [tree, other],
        })
    }

    /// Makes the folder the other tree.
    pub(crate) fn turn(&mut self) -> anyhow::Result<()> {
        for step in self.trees[0].steps_to(&self.trees[1]) {
            step.apply(&self.stage.scene.manifests())?;
        }
        self.trees.swap(0, 1);
        self.stage.record()
    }

    /// Brings the store up to date without any accident.
    pub(crate) fn fill(&mut self) -> anyhow::Result<()> {
        let mut host = self.stage.start(&Vec::new(), &Vec::new())?;
        self.stage.settle(&mut host)?;
        self.stage.stop(host)?.expect_code(0)?;
        Ok(())
    }

    fn run(&mut self, when: When, way: Way) -> anyhow::Result<()> {
        if when == When::Changed {
            self.turn()?;
        }
        let (of_host, of_plugin) = way.environments(&self.stage);
        let mut host = self.stage.start(&of_host, &of_plugin)?;
        match when {
            When::First | When::Changed => {}
            When::Live => {
                host.until_printed("live:", DEADLINE)?;
                self.turn()?;
            }
            When::Stopping => {
                self.stage.settle(&mut host)?;
                host.signal(Signal::INT)?;
            }
        }
        let mut host = self.suffer(host, when, way)?;
        self.stage.settle(&mut host)?;
        self.stage.stop(host)?.expect_code(0)?;
        fs::remove_file(self.stage.mark()).context("the point was not passed")
    }

    /// Sees to it that what has to die dies; returns a host that runs.
    fn suffer(&mut self, mut host: Running, when: When, way: Way) -> anyhow::Result<Running> {
        let mark = self.stage.mark();
        let marked = eventually(DEADLINE, "the point is passed", || Ok(mark.exists().then_some(())));
        marked.with_context(|| format!("{:?}", host.printed()))?;
        match way {
            Way::Host(_) => self.bury(host),
            Way::Plugin(_) if when == When::Stopping => {
                host.wait(DEADLINE)?.expect_code(0)?;
                self.restart()
            }
            Way::Plugin(_) => {
                host.until_printed("killed by signal 9", DEADLINE)?;
                Ok(host)
            }
            Way::PluginUnderHost(_) => {
                let id = host.id();
                let stands = eventually(DEADLINE, "the host stands still", || Ok(is_stopped(id).then_some(())));
                stands.with_context(|| format!("{:?}", host.printed()))?;
                let plugins = children(id);
                ensure!(plugins.len() == 1, "{plugins:?}");
                kill(plugins[0])?;
                host.signal(Signal::CONT)?;
                host.until_printed("killed by signal 9", DEADLINE)?;
                Ok(host)
            }
            Way::HostOverPlugin(_) => {
                let id = host.id();
                let stands = || Ok(children(id).into_iter().any(is_stopped).then_some(()));
                let stands = eventually(DEADLINE, "the plugin stands still", stands);
                stands.with_context(|| format!("{:?}", host.printed()))?;
                host.signal(Signal::KILL)?;
                self.bury(host)
            }
        }
    }

    /// Sees a host die by SIGKILL, looks at what it left, and starts another.
    fn bury(&mut self, host: Running) -> anyhow::Result<Running> {
        let finished = host.wait(DEADLINE)?;
        ensure!(finished.status.signal() == Some(Signal::KILL.as_raw()), "{finished:?}");
        self.restart()
    }

    fn restart(&mut self) -> anyhow::Result<Running> {
        self.stage.check_file()?;
        self.stage.start(&Vec::new(), &Vec::new())
    }
}

fn kill(id: u32) -> anyhow::Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("a process")?;
    Ok(kill_process(pid, Signal::KILL)?)
}

/// Runs trials one after the other; those that do not need an empty store share one, and one watcher.
pub(crate) fn run_all(seed: u64, trials: &[Trial]) -> anyhow::Result<()> {
    let only = std::env::var(POINT).ok();
    let mut series: Option<Series> = None;
    for (name, when, way) in trials
        .iter()
        .copied()
        .filter(|(name, ..)| only.as_deref().is_none_or(|only| only == *name))
    {
        let context = || format!("{name}, {when:?}, {way:?}");
        if when == When::First {
            let mut series = Series::new(seed)?;
            series.run(when, way).with_context(context)?;
            series.stage.check_rest().with_context(context)?;
        } else {
            let series = match &mut series {
                Some(series) => series,
                none => {
                    let mut new = Series::new(seed)?;
                    new.fill()?;
                    none.insert(new)
                }
            };
            series.run(when, way).with_context(context)?;
        }
    }
    series.map_or(Ok(()), |series| series.stage.check_rest())
}
