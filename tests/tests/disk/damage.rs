//! Data files that were changed behind the host's back: named, never replaced.

use std::fs;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, ensure};
use k1s_tests::kubectl::Kubectl;
use k1s_tests::program::start;
use k1s_tests::room::{Room, Way};
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use rustix::process::Signal;

const STORE: &str = "store.redb";
const OBJECTS: usize = 200;

fn filled() -> anyhow::Result<Scene> {
    let scene = Scene::new()?;
    for number in 0..OBJECTS {
        scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1"))?;
    }
    Ok(scene)
}

/// A way to damage a file.
type Damage = fn(&[u8]) -> Vec<u8>;

#[test]
fn a_damaged_file_is_named_by_each_verb_and_never_replaced() -> anyhow::Result<()> {
    let scene = filled()?;
    scene.sync(0)?;
    let store = scene.data_dir().join(STORE);
    let good = fs::read(&store)?;
    let damages: [(&str, Damage); 6] = [
        ("empty", |_| Vec::new()),
        ("half of it", |good| good[..good.len() / 2].to_vec()),
        ("without its last page", |good| good[..good.len() - 4096].to_vec()),
        ("another file", |good| vec![b'x'; good.len()]),
        ("its first bit flipped", |good| {
            let mut bytes = good.to_vec();
            bytes[0] ^= 1;
            bytes
        }),
        ("everything but its head gone", |good| {
            let mut bytes = good.to_vec();
            bytes[4096..].fill(0);
            bytes
        }),
    ];
    for (what, damage) in damages {
        let bytes = damage(&good);
        fs::write(&store, &bytes)?;
        for arguments in [
            &["get", "configmaps", "-A"][..],
            &["store", "check"],
            &["store", "compact"],
        ] {
            let refused = scene.host(arguments)?.expect_code(2).context(what)?;
            let said = &refused.stderr;
            ensure!(said.contains("is damaged") && said.contains(STORE), "{what}: {said}");
        }
        let refused = scene.sync(2).context(what)?;
        let said = format!("{}{}", refused.stdout, refused.stderr);
        ensure!(said.contains("is damaged") && said.contains(STORE), "{what}: {said}");
        ensure!(fs::read(&store)? == bytes, "{what}: the file was changed");
    }
    fs::write(&store, &good)?;
    let after = scene.sync(0)?;
    ensure!(after.stdout.contains("nothing written"), "{}", after.stdout);
    Ok(())
}

#[test]
fn a_bit_that_flipped_inside_a_value_is_found_by_a_check_of_the_store() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "unmistakable"))?;
    scene.sync(0)?;
    scene.host(&["store", "check"])?.expect_code(0)?;
    let store = scene.data_dir().join(STORE);
    let mut bytes = fs::read(&store)?;
    let word = b"unmistakable";
    let places: Vec<usize> = (0..bytes.len() - word.len())
        .filter(|at| bytes[*at..].starts_with(word))
        .collect();
    ensure!(!places.is_empty(), "the value is nowhere in the file");
    for at in places {
        bytes[at] ^= 1;
    }
    fs::write(&store, &bytes)?;
    // It still decodes: whoever only reads it gets what the disk says.
    let read = scene
        .host(&["get", "configmaps", "-n", "shop", "-o", "yaml"])?
        .expect_code(0)?;
    ensure!(read.stdout.contains("tnmistakable"), "{}", read.stdout);
    let bytes = fs::read(&store)?;
    let found = scene.host(&["store", "check"])?.expect_code(2)?;
    ensure!(
        found.stderr.contains("is damaged") && found.stderr.contains(STORE),
        "{}",
        found.stderr
    );
    ensure!(fs::read(&store)? == bytes, "the file was changed");
    Ok(())
}

#[test]
fn a_store_that_is_damaged_under_a_host_stores_nothing_any_more() -> anyhow::Result<()> {
    let scene = filled()?;
    let command = Way::Limit.prepare(&scene.sync_command(&[])?, &scene.data_dir())?;
    let mut host = start(&mut { command })?;
    host.until_printed("live:", DEADLINE)?;
    let store = scene.data_dir().join(STORE);
    let file = fs::File::options().write(true).open(&store)?;
    // Everything but the head. The host goes on with what it has in memory, until it has to open the file again.
    let length = usize::try_from(file.metadata()?.len())?;
    file.write_all_at(&vec![0xa5; length - 4096], 4096)?;
    Room::of(Way::Limit, host.id(), &scene.data_dir())?.take(STORE)?;
    for number in 0..OBJECTS {
        scene.write(
            &format!("{number}.yaml"),
            &config_map(&format!("m-{number}"), &"y".repeat(8000)),
        )?;
    }
    host.until_printed("store   damaged, nothing is stored any more", DEADLINE)?;
    let kubectl = Kubectl::ready()?.with(&scene.data_dir().join("kubeconfig"))?;
    let readiness = kubectl.run(["get", "--raw", "/readyz"])?.stderr;
    ensure!(
        readiness.contains("is damaged") && readiness.contains(STORE),
        "{readiness}"
    );
    let before = fs::read(&store)?;
    host.signal(Signal::INT)?;
    let finished = host.wait(DEADLINE)?.expect_code(0)?;
    ensure!(!finished.stdout.contains(" deleted "), "{}", finished.stdout);
    ensure!(fs::read(&store)? == before, "the file was changed");
    Ok(())
}
