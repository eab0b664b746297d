//! A steady load on the real host: many sources whose objects change all the time. Nothing is dropped, how far behind it is
//! stays small and is reported, memory stays flat, and in the end everything is there.
//!
//! Every change runs this small; `cargo xtask nightly --only load` runs it at its full size.
#![forbid(unsafe_code)]

mod folders;
mod observations;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::kubectl::Kubectl;
use k1s_tests::program::start;
use k1s_tests::scene::Scene;
use rustix::process::Signal;

use self::folders::Folders;
use self::observations::{Observations, Sample};

/// How often the host is looked at.
const PACE: Duration = Duration::from_secs(2);
/// How long after the last change everything has to be there.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
/// How far behind the changes the store may be at any time.
const MAX_BEHIND: Duration = Duration::from_secs(5);
/// Long enough for the first listing of everything.
const PATIENCE: Duration = Duration::from_secs(900);

/// How much there is to do.
struct Load {
    sources: usize,
    /// Of each source.
    objects: usize,
    /// Changes in a second, of all sources together.
    rate: u64,
    lasts: Duration,
}

impl Load {
    fn asked() -> anyhow::Result<Self> {
        let number = |name: &str, usual: u64| match std::env::var(name) {
            Ok(text) => text.parse::<u64>().with_context(|| format!("{name}={text}")),
            Err(_) => Ok(usual),
        };
        Ok(Self {
            sources: 10,
            objects: usize::try_from(number("K1S_LOAD_OBJECTS", 500)?)?,
            rate: 200,
            lasts: Duration::from_secs(number("K1S_LOAD_SECONDS", 30)?),
        })
    }
}

#[test]
fn a_steady_load_is_kept_up_with_in_flat_memory() -> anyhow::Result<()> {
    let load = Load::asked()?;
    let scene = Scene::new()?;
    let mut folders = Folders::new(&scene.manifests(), load.sources, load.objects)?;
    let mut host = start(&mut folders.command(&scene)?)?;
    for source in folders.sources() {
        host.until_printed(&format!("source {source}   live:"), PATIENCE)?;
    }
    let kubectl = Kubectl::ready()?.with(&scene.data_dir().join("kubeconfig"))?;
    let first = Sample::of(&kubectl)?;
    ensure!(first.created == folders.objects(), "{first:?}");
    let mut observations = Observations::default();
    let begun = Instant::now();
    let mut look = begun + PACE;
    let mut written = 0;
    while begun.elapsed() < load.lasts {
        let due = begun + Duration::from_secs(1) * u32::try_from(written)? / u32::try_from(load.rate)?;
        eventually(load.lasts, "the next change is due", || {
            Ok((Instant::now() >= due).then_some(()))
        })?;
        folders.change()?;
        written += 1;
        if Instant::now() >= look {
            let sample = Sample::of(&kubectl)?;
            observations.add(begun.elapsed(), written, sample);
            look = Instant::now() + PACE;
        }
    }
    let ended = Instant::now();
    let last = eventually(PATIENCE, "every change arrives", || {
        let sample = Sample::of(&kubectl)?;
        Ok((sample.updated >= written).then_some(sample))
    })?;
    let settled = ended.elapsed();
    eprintln!("{}", observations.told(load.rate));
    eprintln!("{written} changes, the last of them there after {settled:.1?}; {last:?}");

    // Each change is one update: none is dropped, none is made twice, nothing fails, nothing restarts.
    ensure!(last.updated == written, "{} updates of {written} changes", last.updated);
    ensure!(
        (last.created, last.deleted, last.failed, last.restarts) == (first.created, 0, 0, 0),
        "{last:?}"
    );
    ensure!(
        written * 10 >= load.rate * load.lasts.as_secs() * 9,
        "only {written} changes were made"
    );
    ensure!(settled < SETTLES_WITHIN, "the last change was there after {settled:?}");
    ensure!(
        observations.behind(load.rate) < MAX_BEHIND,
        "{}",
        observations.told(load.rate)
    );
    ensure!(
        last.lag_count > 0 && last.lag_count >= first.lag_count,
        "the host reports no lag"
    );
    observations.assert_flat()?;
    folders.assert_stored(&kubectl)?;
    host.signal(Signal::INT)?;
    host.wait(PATIENCE)?.expect_code(0)?;
    Ok(())
}
