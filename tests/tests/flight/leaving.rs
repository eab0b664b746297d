//! Sources that are disabled, removed, renamed, and come back.

use std::fs;

use anyhow::ensure;
use k1s_tests::scene::DEADLINE;

use crate::scene::{BYSTANDER, FILES, Flight, Said, command, entry, objects, write};

const DECLARED: &str = "shop/a 1\nshop/b 1\n";
const OWNED: [&str; 3] = ["elsewhere/x bystander", "shop/a files", "shop/b files"];
const LEFT: [&str; 3] = ["elsewhere/x bystander", "shop/a nobody", "shop/b nobody"];

/// The bystander alone.
fn alone() -> anyhow::Result<String> {
    Ok(format!("sources:\n{}", entry(BYSTANDER, &Said::default())?))
}

#[test]
fn a_disabled_source_stops_and_keeps_everything() -> anyhow::Result<()> {
    let flight = Flight::begin(DECLARED)?;
    let bystander = flight.bystander()?;
    assert_eq!(flight.plugins(), 2);
    flight.say(&Said::default().field("enabled: false"))?;
    flight.until("it is disabled", |flight| {
        Ok(flight.phase(FILES)? == "Disabled" && flight.plugins() == 1)
    })?;
    assert_eq!(flight.objects()?, OWNED);
    assert_eq!(flight.status(FILES)?.pointer("/spec/enabled"), Some(&false.into()));
    let refused = flight.scene.host(&["sync", FILES])?.expect_code(2)?;
    ensure!(refused.stderr.contains("disabled"), "{}", refused.stderr);
    let orders = flight.journal()?.len();
    flight.say(&Said::default())?;
    assert_eq!(flight.order(orders + 1)?, "resume:here");
    assert_eq!(flight.objects()?, OWNED);
    assert_eq!(flight.bystander()?, bystander, "its plugin runs on");
    flight.stop()?;
    Ok(())
}

#[test]
fn a_removed_source_leaves_orphans_and_takes_them_back() -> anyhow::Result<()> {
    let mut flight = Flight::begin(DECLARED)?;
    let bystander = flight.bystander()?;
    flight.write(&alone()?)?;
    flight.until_printed("source files   no longer configured: its 2 objects stay and belong to no source")?;
    assert_eq!(flight.objects()?, LEFT);
    assert_eq!(flight.plugins(), 1);
    assert_eq!(
        flight.status(FILES)?.pointer("/spec/plugin"),
        None,
        "the store remembers it, the host does not run it"
    );
    let refused = flight.scene.host(&["sync", FILES])?.expect_code(2)?;
    ensure!(refused.stderr.contains("not configured"), "{}", refused.stderr);
    let orders = flight.journal()?.len();
    flight.say(&Said::default())?;
    assert_eq!(flight.order(orders + 1)?, "list", "its token went with it");
    flight.until_objects(&OWNED)?;
    assert_eq!(flight.bystander()?, bystander, "its plugin runs on");
    flight.stop()?;
    Ok(())
}

#[test]
fn a_renamed_source_is_a_new_one_that_takes_over_what_is_equal() -> anyhow::Result<()> {
    for rule in ["keep", "prune"] {
        let mut flight = Flight::begin(DECLARED)?;
        let said = Said::default()
            .field(&format!("onSourceRemoved: {rule}"))
            .config("pace: 1");
        let orders = flight.journal()?.len();
        flight.say(&said)?;
        flight.order(orders + 1)?;
        let uids = flight.scene.objects("configmaps")?;
        let bystander = entry(BYSTANDER, &Said::default())?;
        flight.write(&format!("sources:\n{}{bystander}", entry("renamed", &said)?))?;
        flight.until_printed("source files   no longer configured")?;
        flight.until_objects(&["elsewhere/x bystander", "shop/a renamed", "shop/b renamed"])?;
        let uid = |object: &serde_json::Value| object.pointer("/metadata/uid").cloned();
        let after = flight.scene.objects("configmaps")?;
        assert_eq!(
            after.iter().map(uid).collect::<Vec<_>>(),
            uids.iter().map(uid).collect::<Vec<_>>(),
            "{rule}: nothing was deleted and made anew"
        );
        flight.stop()?;
    }
    Ok(())
}

#[test]
fn what_a_removed_source_had_is_pruned_inside_the_guard() -> anyhow::Result<()> {
    let mut flight = Flight::begin(DECLARED)?;
    let said = Said::default().field("onSourceRemoved: prune");
    let orders = flight.journal()?.len();
    flight.say(&said)?;
    flight.order(orders + 1)?;
    flight.write(&alone()?)?;
    flight.until_printed("source files   no longer configured: its 2 objects are deleted")?;
    assert_eq!(flight.objects()?, ["elsewhere/x bystander"]);

    // More than the guard allows is held, also by hosts that start without the source, until a person decides.
    let many: String = (0..40).map(|number| format!("shop/m{number} 1\n")).collect();
    fs::write(flight.scene.outside("files.txt"), many)?;
    flight.say(&said)?;
    flight.until("all is there", |flight| Ok(flight.objects()?.len() == 41))?;
    flight.write(&alone()?)?;
    flight.until_printed("40 deletes are held: k1s-sync-host prunes list files")?;
    let scene = flight.stop()?;
    let once = k1s_tests::program::run(&mut command(&scene, &["-f", "sync.yaml", "--once"])?, DEADLINE)?;
    ensure!(!once.stdout.contains("no longer configured"), "{}", once.stdout);
    assert_eq!(objects(&scene)?.len(), 41);
    let listed = scene.host(&["prunes", "list", FILES, "-o", "json"])?.expect_code(0)?;
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout)?;
    let held = |prune: &&serde_json::Value| prune["status"]["state"] == "Held";
    let prune = listed["items"].as_array().and_then(|all| all.iter().find(held));
    let id = prune
        .and_then(|prune| prune["metadata"]["name"].as_str())
        .unwrap_or_default()
        .to_owned();
    let approved = scene.host(&["prunes", "approve", &id])?.expect_code(0)?;
    ensure!(approved.stdout.contains("40 deleted"), "{}", approved.stdout);
    assert_eq!(objects(&scene)?, ["elsewhere/x bystander"]);
    Ok(())
}

#[test]
fn a_host_that_starts_does_what_one_that_runs_would() -> anyhow::Result<()> {
    let flight = Flight::begin(DECLARED)?;
    let orders = flight.journal()?.len();
    flight.say(&Said::default().field("onSourceRemoved: prune"))?;
    flight.order(orders + 1)?;
    let scene = flight.stop()?;
    let once = |scene: &k1s_tests::scene::Scene| {
        k1s_tests::program::run(&mut command(scene, &["-f", "sync.yaml", "--once"])?, DEADLINE)
    };
    // What another one declares is handed over, and never gone.
    let uids = |scene: &k1s_tests::scene::Scene| -> anyhow::Result<Vec<serde_json::Value>> {
        let objects = scene.objects("configmaps")?;
        Ok(objects
            .into_iter()
            .map(|object| object["metadata"]["uid"].clone())
            .collect())
    };
    let before = uids(&scene)?;
    let renamed = entry("renamed", &Said::default().field("onSourceRemoved: prune"))?;
    write(&scene, &format!("{}{renamed}", alone()?))?;
    once(&scene)?.expect_code(0)?;
    assert_eq!(
        objects(&scene)?,
        ["elsewhere/x bystander", "shop/a renamed", "shop/b renamed"]
    );
    assert_eq!(uids(&scene)?, before);
    write(&scene, &alone()?)?;
    let once = once(&scene)?;
    ensure!(once.stdout.contains("its 2 objects are deleted"), "{}", once.stdout);
    assert_eq!(objects(&scene)?, ["elsewhere/x bystander"]);
    Ok(())
}
