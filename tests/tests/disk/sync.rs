//! A disk that takes writes and cannot say that they are durable.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use k1s_tests::eventually;
use k1s_tests::kubectl::Kubectl;
use k1s_tests::program::{run, start};
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use rustix::process::Signal;

/// Builds what is loaded into the host.
fn shim(directory: &Path) -> anyhow::Result<PathBuf> {
    let library = directory.join("fsync.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/fsync.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(source);
    run(compiler.arg("-ldl"), DEADLINE)?.expect_code(0)?;
    Ok(library)
}

#[test]
fn what_cannot_be_synced_is_not_acknowledged_and_tried_again() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    let failing = scene.outside("failing");
    let mut command = scene.sync_command(&["--name", "files"])?;
    command
        .env("LD_PRELOAD", shim(&scene.outside(""))?)
        .env("FAILING", &failing);
    let mut host = start(&mut command)?;
    host.until_printed("live:", DEADLINE)?;
    let kubectl = Kubectl::ready()?.with(&scene.data_dir().join("kubeconfig"))?;
    File::create(&failing)?;
    scene.write("b.yaml", &config_map("b", "1"))?;
    host.until_printed("store   nothing can be stored, every source waits", DEADLINE)?;
    let readiness = kubectl.run(["get", "--raw", "/readyz"])?.stderr;
    ensure!(readiness.contains("Input/output error"), "{readiness}");
    let (stdout, _) = host.printed()?;
    ensure!(!stdout.contains("created ConfigMap shop/b"), "{stdout}");
    fs::remove_file(&failing)?;
    host.until_printed("store   works again", DEADLINE)?;
    eventually(DEADLINE, "the object arrives", || {
        let found = kubectl.run(["get", "configmap", "b", "-n", "shop"])?;
        Ok(found.status.success().then_some(()))
    })?;
    host.signal(Signal::INT)?;
    let finished = host.wait(DEADLINE)?.expect_code(0)?;
    ensure!(!finished.stdout.contains(" deleted "), "{}", finished.stdout);
    ensure!(scene.sync(0)?.stdout.contains("nothing written"));
    ensure!(scene.keys("configmaps")?.len() == 2);
    Ok(())
}
