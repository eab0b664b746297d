//! A host that follows right after one that was killed.

use std::fs::File;

use anyhow::ensure;
use k1s_tests::eventually;
use k1s_tests::processes::is_stopped;
use k1s_tests::program::start;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use rustix::process::Signal;

/// What a killed host was about to start holds the lock on the store until it is another program.
#[test]
fn a_store_that_is_held_for_a_moment_more_is_waited_for() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.sync(0)?;
    let store = File::open(scene.data_dir().join("store.redb"))?;
    store.lock()?;
    let mut host = start(scene.sync_command(&[])?.env("K1S_HOLD_AT", "H11:2"))?;
    let id = host.id();
    let tries_again = eventually(DEADLINE, "the host tries again", || Ok(is_stopped(id).then_some(())));
    ensure!(tries_again.is_ok(), "{:?}", host.printed());
    store.unlock()?;
    host.signal(Signal::CONT)?;
    host.until_printed("live: 1 unchanged", DEADLINE)
}
