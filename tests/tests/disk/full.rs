//! A disk that is full, and one on which there is room again.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::kubectl::{Client, Kubectl};
use k1s_tests::program::{FILESYSTEM_SOURCE, Running, built, host, run, start};
use k1s_tests::room::{Room, Way, may_mount, namespace, through_shell};
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use rustix::process::Signal;
use serde_json::{Value, json};

const STORE: &str = "store.redb";
/// Objects that are there before the disk is full.
const OBJECTS: usize = 20;
/// Objects that come later, and how much each holds: more than a store has free inside.
const LATER: usize = 400;
const LARGE: usize = 8_000;

/// A host whose disk can run full.
struct Host {
    scene: Scene,
    running: Running,
    room: Room,
    kubectl: Client,
}

impl Host {
    fn start(way: Way) -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        for number in 0..OBJECTS {
            scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1"))?;
        }
        let command = way.prepare(&scene.sync_command(&["--name", "files"])?, &scene.data_dir())?;
        let mut running = start(&mut { command })?;
        running.until_printed("live:", DEADLINE)?;
        let room = Room::of(way, running.id(), &scene.data_dir())?;
        let kubectl = Kubectl::ready()?.with(&room.seen("kubeconfig"))?;
        Ok(Self {
            scene,
            running,
            room,
            kubectl,
        })
    }

    fn source(&self) -> anyhow::Result<Value> {
        self.kubectl.json(["get", "source", "files", "-o", "json"])
    }

    /// What the API serves, name and value, and the revision it is of.
    fn objects(&self) -> anyhow::Result<(String, BTreeMap<String, usize>)> {
        let list = self.kubectl.json(["get", "configmaps", "-n", "shop", "-o", "json"])?;
        let raw = self.kubectl.json(["get", "--raw", "/api/v1/configmaps?limit=1"])?;
        let revision = raw.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        let items = list["items"].as_array().context("a list")?;
        let object = |item: &Value| {
            let name = item.pointer("/metadata/name").and_then(Value::as_str);
            let value = item.pointer("/data/value").and_then(Value::as_str);
            Some((name?.to_owned(), value?.len()))
        };
        let objects = items
            .iter()
            .map(|item| object(item).context("an object"))
            .collect::<Result<_, _>>()?;
        Ok((revision.context("a revision")?.to_owned(), objects))
    }
}

fn condition<'s>(source: &'s Value, kind: &str) -> Option<&'s Value> {
    let conditions = source.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind)
}

#[test]
fn a_host_outlives_a_full_disk_and_goes_on_when_there_is_room() -> anyhow::Result<()> {
    for way in Way::allowed() {
        outlive(way).with_context(|| format!("{way:?}"))?;
    }
    Ok(())
}

fn outlive(way: Way) -> anyhow::Result<()> {
    let mut host = Host::start(way)?;
    let words = host.room.words();
    let before = host.objects()?;
    ensure!(before.1.len() == OBJECTS, "{before:?}");
    host.room.take(STORE)?;
    let large = "x".repeat(LARGE);
    host.scene.write("0.yaml", &config_map("m-0", &large))?;
    for number in 0..LATER {
        host.scene.write(
            &format!("later/{number}.yaml"),
            &config_map(&format!("l-{number}"), &large),
        )?;
    }
    // It says what is wrong, in each place where somebody looks.
    host.running
        .until_printed("store   nothing can be stored, every source waits", DEADLINE)?;
    eventually(DEADLINE, "the source says that it is paused", || {
        let source = host.source()?;
        let is_paused = source.pointer("/status/phase") == Some(&Value::from("Paused"));
        let says_why =
            condition(&source, "StoreUnavailable").is_some_and(|it| it["message"].to_string().contains(words));
        let is_ready = condition(&source, "Ready").is_some_and(|it| it["status"] != "False");
        Ok((is_paused && says_why && !is_ready).then_some(()))
    })?;
    eventually(DEADLINE, "the host says that it is not ready", || {
        let said = host.kubectl.run(["get", "--raw", "/readyz"])?.stderr;
        Ok((said.contains("[-]store failed") && said.contains(words)).then_some(()))
    })?;
    // Nothing is half there, and what was there is served on.
    let meanwhile = host.objects()?;
    let (whole, part): (Vec<_>, Vec<_>) = meanwhile
        .1
        .iter()
        .partition(|(_, length)| **length == 1 || **length == LARGE);
    ensure!(
        part.is_empty() && whole.len() >= OBJECTS && whole.len() < OBJECTS + LATER,
        "{part:?}, {}",
        whole.len()
    );
    // What happens meanwhile is found later.
    host.scene.write("1.yaml", &config_map("m-1", "22"))?;
    std::fs::remove_file(host.scene.manifests().join("2.yaml"))?;

    host.room.give_back()?;
    host.running.until_printed("store   works again", DEADLINE)?;
    eventually(DEADLINE, "everything arrives", || {
        let (_, objects) = host.objects()?;
        let length = |name: &str| objects.get(name).copied();
        let arrived = objects.len() == OBJECTS - 1 + LATER
            && (length("m-0"), length("m-1"), length("m-2")) == (Some(LARGE), Some(2), None);
        Ok(arrived.then_some(()))
    })?;
    eventually(DEADLINE, "the host is ready", || {
        let ready = host.kubectl.run(["get", "--raw", "/readyz"])?.status.success();
        Ok((ready && condition(&host.source()?, "StoreUnavailable").is_none()).then_some(()))
    })?;
    host.running.signal(Signal::INT)?;
    let finished = host.running.wait(DEADLINE)?.expect_code(0)?;
    let deleted: Vec<_> = finished
        .stdout
        .lines()
        .filter(|line| line.contains(" deleted ConfigMap "))
        .collect();
    ensure!(deleted.iter().all(|line| line.contains("shop/m-2")), "{deleted:?}");
    Ok(())
}

/// What such a source has is let go of as one when that can be stored, and is served as it was until then.
#[test]
fn a_source_that_is_removed_on_a_full_disk_lets_go_when_there_is_room() -> anyhow::Result<()> {
    // More than can be rewritten in what a file has free inside.
    const REMOVED: usize = 3000;
    let scene = Scene::new()?;
    for number in 0..REMOVED {
        scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1"))?;
    }
    let other = scene.outside("other");
    std::fs::create_dir(&other)?;
    std::fs::write(other.join("o.yaml"), config_map("o", "1"))?;
    let source = |name: &str, path: &Path| {
        let plugin = built(FILESYSTEM_SOURCE)?;
        anyhow::Ok(json!({"name": name, "plugin": plugin, "config": {"path": path}}))
    };
    let file = scene.outside("sync.json");
    let say = |sources: Vec<Value>| {
        let said = json!({"apiVersion": "sync.k1s.io/v1alpha1", "kind": "SyncConfiguration", "sources": sources});
        let beside = scene.outside("sync.json.new");
        std::fs::write(&beside, said.to_string())?;
        anyhow::Ok(std::fs::rename(beside, &file)?)
    };
    say(vec![source("files", &scene.manifests())?, source("other", &other)?])?;
    let mut command = host(["run", "-f"])?;
    command.arg(&file).arg("--data-dir").arg(scene.data_dir());
    let mut running = start(&mut Way::Limit.prepare(&command, &scene.data_dir())?)?;
    running.until_printed("source files   live:", DEADLINE)?;
    running.until_printed("source other   live:", DEADLINE)?;
    let room = Room::of(Way::Limit, running.id(), &scene.data_dir())?;
    let kubectl = Kubectl::ready()?.with(&room.seen("kubeconfig"))?;
    let owners = || {
        let list = kubectl.json(["get", "configmaps", "-n", "shop", "-o", "json"])?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let owner = |item: &Value| {
            item["metadata"]["annotations"]["sync.k1s.io/source"]
                .as_str()
                .map(str::to_owned)
        };
        anyhow::Ok(items.iter().map(owner).collect::<Vec<_>>())
    };
    let of = |owners: &[Option<String>], name: &str| owners.iter().flatten().filter(|owner| *owner == name).count();
    room.take(STORE)?;
    std::fs::write(other.join("o.yaml"), config_map("o", &"x".repeat(LATER * LARGE)))?;
    running.until_printed("store   nothing can be stored, every source waits", DEADLINE)?;
    say(vec![source("other", &other)?])?;
    running.until_printed("configuration read again: ", DEADLINE)?;
    let meanwhile = owners()?;
    ensure!((meanwhile.len(), of(&meanwhile, "files")) == (REMOVED + 1, REMOVED));

    room.give_back()?;
    running.until_printed("store   works again", DEADLINE)?;
    eventually(DEADLINE, "what it had is nobody's", || {
        let now = owners()?;
        ensure!(now.len() == REMOVED + 1, "{}", now.len());
        Ok((of(&now, "files") == 0 && of(&now, "other") == 1).then_some(()))
    })?;
    running.signal(Signal::INT)?;
    running.wait(DEADLINE)?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_run_that_is_to_end_does_not_wait_for_room() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.sync(0)?;
    let large = "x".repeat(LARGE);
    for number in 0..LATER {
        scene.write(&format!("{number}.yaml"), &config_map(&format!("l-{number}"), &large))?;
    }
    // In blocks of 512 bytes.
    let blocks = std::fs::metadata(scene.data_dir().join(STORE))?.len() / 512;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let command = scene.sync_command(&["--once"])?;
    let mut limited = through_shell(&command, std::process::Command::new("sh"), &script);
    let finished = run(&mut limited, DEADLINE)?.expect_code(2)?;
    ensure!(
        finished.stdout.contains("File too large") && finished.stdout.contains(STORE),
        "{}",
        finished.stdout
    );
    let again = scene.sync(0)?;
    ensure!(scene.keys("configmaps")?.len() == LATER + 1, "{}", again.stdout);
    Ok(())
}

#[test]
fn a_host_that_starts_on_a_full_disk_says_so() -> anyhow::Result<()> {
    if !may_mount() {
        eprintln!("this system lets nobody mount a file system: not tried");
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    std::fs::create_dir_all(scene.data_dir())?;
    let data = scene.data_dir().display().to_string();
    let script = format!("mount -t tmpfs -o size=64k,mode=700 room {data} && exec \"$@\"");
    let mut command = through_shell(&scene.sync_command(&["--once"])?, namespace(), &script);
    let finished = run(&mut command, DEADLINE)?.expect_code(2)?;
    let told = format!("{}{}", finished.stdout, finished.stderr);
    ensure!(
        told.contains("No space left on device") && told.contains(&data),
        "{told}"
    );
    Ok(())
}

#[test]
fn a_compaction_that_the_disk_refuses_loses_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let large = "x".repeat(LARGE);
    for number in 0..LATER {
        scene.write(&format!("{number}.yaml"), &config_map(&format!("l-{number}"), &large))?;
    }
    scene.sync(0)?;
    // Half of the file may not be written to: in blocks of 512 bytes.
    let blocks = std::fs::metadata(scene.data_dir().join(STORE))?.len() / 1024;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let mut compact = host(["store", "compact"])?;
    compact.arg("--data-dir").arg(scene.data_dir());
    let mut limited = through_shell(&compact, std::process::Command::new("sh"), &script);
    let finished = run(&mut limited, DEADLINE)?.expect_code(2)?;
    ensure!(
        finished.stderr.contains("File too large") && finished.stderr.contains(STORE),
        "{}",
        finished.stderr
    );
    scene.host(&["store", "check"])?.expect_code(0)?;
    ensure!(scene.keys("configmaps")?.len() == LATER);
    scene.host(&["store", "compact"])?.expect_code(0)?;
    ensure!(scene.keys("configmaps")?.len() == LATER);
    let again = scene.sync(0)?;
    ensure!(again.stdout.contains("nothing written"), "{}", again.stdout);
    Ok(())
}
