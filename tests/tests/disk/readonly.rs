//! A data directory in which nothing can be written.

use std::fs;

use anyhow::ensure;
use k1s_tests::program::run;
use k1s_tests::room::{may_mount, namespace, through_shell};
use k1s_tests::scene::{DEADLINE, Scene, config_map};

#[test]
fn a_read_only_data_directory_is_named_and_left_as_it_is() -> anyhow::Result<()> {
    if !may_mount() {
        eprintln!("this system lets nobody mount a file system: not tried");
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.sync(0)?;
    let store = scene.data_dir().join("store.redb");
    let before = fs::read(&store)?;
    let data = scene.data_dir().display().to_string();
    let script = format!("mount --bind {data} {data} && mount -o remount,ro,bind {data} && exec \"$@\"");
    let sync = scene.sync_command(&["--once"])?;
    let daemon = scene.sync_command(&[])?;
    for command in [&sync, &daemon] {
        let finished = run(&mut through_shell(command, namespace(), &script), DEADLINE)?.expect_code(2)?;
        let told = finished.stderr;
        ensure!(told.contains("Read-only file system") && told.contains(&data), "{told}");
    }
    ensure!(fs::read(&store)? == before, "the file was changed");
    ensure!(scene.keys("configmaps")?.len() == 1);
    Ok(())
}
