//! Idle: a host over a folder that nobody changes, and its plugin, which watches it.

use std::thread;
use std::time::Duration;

use super::client::{self, Client};
use super::edit::collection;
use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::measured::Measured;
use super::row::Row;
use crate::cost::{self, Stopwatch, Whose};

/// Of one core, by host and plugin together, over the whole time.
const WHOLE: Figure = Figure::aimed("a core, whole time", Unit::Part, Target::Most(0.005));
const PART: Figure = Figure::told("a core, in parts of it", Unit::Part);

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let folder = ground.folder()?;
    let host = folder.host(ground, &[])?;
    let revision =
        || client::runtime()?.block_on(async { Client::connect(&host.endpoint).await?.revision(&collection(0)).await });
    let before = revision()?;
    let processes = [host.id(), host.plugin()?];
    let part = ground.scale.idle / ground.scale.runs;
    let mut measured = Measured::default();
    let mut all = Busy::default();
    for _ in ground.runs() {
        let busy = Busy::over(part, &processes, &mut measured)?;
        measured.take(PART, busy.part());
        measured.note(Row::Idle);
        all.add(&busy);
    }
    measured.take(WHOLE, all.part());
    measured.note(Row::Idle);
    let after = revision()?;
    anyhow::ensure!(before == after, "an idle host went from revision {before} to {after}");
    host.stop()?;
    Ok(measured)
}

/// What processes did in some time.
#[derive(Default)]
struct Busy {
    time: Duration,
    spent: Duration,
}

impl Busy {
    /// Looks at processes for a while.
    fn over(time: Duration, processes: &[u32], measured: &mut Measured) -> anyhow::Result<Self> {
        let spent = || {
            processes
                .iter()
                .map(|process| cost::spent(*process))
                .sum::<anyhow::Result<Duration>>()
        };
        let (watch, before) = (Stopwatch::start(Whose::Own)?, spent()?);
        // The time is what is measured: nothing is to happen in it.
        thread::sleep(time);
        let spent = spent()?.saturating_sub(before);
        let cost = watch.stop()?;
        measured.others.push(cost.others);
        Ok(Self {
            time: Duration::from_secs_f64(cost.seconds),
            spent,
        })
    }

    fn add(&mut self, other: &Self) {
        self.time += other.time;
        self.spent += other.spent;
    }

    fn part(&self) -> f64 {
        self.spent.as_secs_f64() / self.time.as_secs_f64()
    }
}
