//! Sources and held prunes: read, and written where they may be.

use std::fs;

use anyhow::{Context as _, ensure};
use k1s_tests::daemon::Daemon;
use k1s_tests::eventually;
use k1s_tests::kubectl::Client;
use k1s_tests::program::Finished;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use serde_json::Value;

use crate::shop::{SOURCE, Shop, cells, file, name, setting};

const SOURCES: &str = "/apis/sync.k1s.io/v1alpha1/sources";
const PRUNES: &str = "/apis/sync.k1s.io/v1alpha1/heldprunes";
/// Objects that go all at once, which the guard never lets go.
const OBJECTS: usize = 20;

fn patch(client: &Client, kind: &str, text: &str) -> anyhow::Result<Finished> {
    client.run(["patch", "source", SOURCE, "--type", kind, "-p", text])
}

/// Waits until a field of the source is a text.
fn until(client: &Client, path: &str, text: &str) -> anyhow::Result<()> {
    let condition = format!("--for=jsonpath={{{path}}}={text}");
    client.answer(["wait", "--timeout=50s", &condition, &format!("source/{SOURCE}")])?;
    Ok(())
}

fn post(client: &Client, path: &str) -> anyhow::Result<Finished> {
    client.run(["create", "--raw", path, "-f", "/dev/null"])
}

#[test]
fn a_source_is_shown_with_how_it_fares() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let ready = ["wait", "--timeout=50s", "--for=condition=Ready", "source", SOURCE];
    shop.client.answer(ready)?;
    let table = shop.client.answer(["get", "sources"])?;
    let rows = cells(&table);
    assert_eq!(rows[0][..2], ["NAME", "READY"], "{table}");
    assert_eq!(rows[1][..2], [SOURCE, "True"], "{table}");
    let source = shop.client.json(["get", "source", SOURCE, "-o", "json"])?;
    assert_eq!(source["spec"]["suspend"], false, "{source}");
    let conditions = source["status"]["conditions"].as_array().context("conditions")?;
    ensure!(
        conditions[0]["type"] == "Ready" && conditions[0]["status"] == "True",
        "{source}"
    );
    let objects = source["status"]["objects"].as_u64();
    ensure!(objects.is_some_and(|objects| objects > 50), "{source}");
    ensure!(
        shop.client
            .answer(["get", "source", SOURCE, "-o", "yaml"])?
            .contains("kind: Source")
    );
    let none = shop.client.run(["get", "heldprunes"])?.expect_code(0)?;
    assert_eq!(none.stderr, "No resources found\n");
    Ok(())
}

#[test]
fn a_suspended_source_applies_nothing_until_it_is_resumed() -> anyhow::Result<()> {
    let mut shop = Shop::open()?;
    let watch = shop.client.watch(&["source", SOURCE])?;
    let patched = patch(&shop.client, "merge", r#"{"spec":{"suspend":true}}"#)?.expect_code(0)?;
    assert_eq!(patched.stdout, format!("source.sync.k1s.io/{SOURCE} patched\n"));
    until(&shop.client, ".status.phase", "Suspended")?;
    ensure!(shop.daemon.plugins().is_empty(), "a suspended source's plugin runs");
    shop.daemon.scene.write(&file(1), &setting(1, "2"))?;
    let value = ["get", "cm", &name(1), "-n", "many", "-o", "jsonpath={.data.value}"].map(str::to_owned);
    assert_eq!(shop.client.answer(&value)?, "1");
    let again = patch(&shop.client, "merge", r#"{"spec":{"suspend":true}}"#)?.expect_code(0)?;
    assert_eq!(
        again.stdout,
        format!("source.sync.k1s.io/{SOURCE} patched (no change)\n")
    );

    patch(&shop.client, "merge", r#"{"spec":{"suspend":false}}"#)?.expect_code(0)?;
    shop.until("updated", 1)?;
    assert_eq!(shop.client.answer(&value)?, "2");
    until(&shop.client, ".status.phase", "Running")?;
    let phase = |object: &Value| object["status"]["phase"].as_str().unwrap_or_default().to_owned();
    watch.until(DEADLINE, "the watch shows both", |events| {
        let phases: Vec<String> = events.iter().map(|event| phase(&event.object)).collect();
        let suspended = phases.iter().position(|phase| phase == "Suspended")?;
        phases[suspended..].iter().any(|phase| phase == "Running").then_some(())
    })
}

#[test]
fn a_listing_is_asked_for() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    for time in ["2026-11-23T10:00:00Z", "2026-11-23T10:00:01Z"] {
        let annotation = format!("sync.k1s.io/requestedAt={time}");
        let annotated = shop
            .client
            .answer(["annotate", "source", SOURCE, &annotation, "--overwrite"])?;
        assert_eq!(annotated, format!("source.sync.k1s.io/{SOURCE} annotated\n"));
        until(&shop.client, ".status.lastHandledRequestedAt", time)?;
    }
    let before = shop.client.json(["get", "source", SOURCE, "-o", "json"])?;
    let answered = post(&shop.client, &format!("{SOURCES}/{SOURCE}/sync"))?.expect_code(0)?;
    let answered: Value = serde_json::from_str(&answered.stdout)?;
    assert_eq!(answered["kind"], "Source");
    let handled = "/status/lastHandledRequestedAt";
    eventually(DEADLINE, "another request is handled", || {
        let now = shop.client.json(["get", "source", SOURCE, "-o", "json"])?;
        Ok((now.pointer(handled) != before.pointer(handled)).then_some(()))
    })
}

#[test]
fn what_a_source_does_not_let_write_is_refused() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let before = shop.client.json(["get", "source", SOURCE, "-o", "json"])?;
    for (kind, text, told) in [
        ("merge", r#"{"spec":{"plugin":"/bin/true"}}"#, "spec.plugin"),
        ("merge", r#"{"spec":{"suspend":"yes"}}"#, "spec.suspend"),
        ("merge", r#"{"spec":{"nonsense":1}}"#, "spec.nonsense"),
        (
            "json",
            r#"[{"op":"replace","path":"/spec/suspend","value":true}]"#,
            "unknown format",
        ),
        ("strategic", r#"{"spec":{"suspend":true}}"#, "unknown format"),
    ] {
        let refused = patch(&shop.client, kind, text)?.expect_code(1)?;
        ensure!(refused.stderr.contains(told), "{kind} {text}: {}", refused.stderr);
    }
    for (arguments, told) in [
        (["delete", "source", SOURCE], "MethodNotAllowed"),
        (["get", "source", "nobody"], "NotFound"),
    ] {
        let refused = shop.client.run(arguments)?.expect_code(1)?;
        ensure!(refused.stderr.contains(told), "{arguments:?}: {}", refused.stderr);
    }
    let nobody = post(&shop.client, &format!("{SOURCES}/nobody/sync"))?.expect_code(1)?;
    ensure!(nobody.stderr.contains("NotFound"), "{}", nobody.stderr);
    let after = shop.client.json(["get", "source", SOURCE, "-o", "json"])?;
    assert_eq!(before["spec"], after["spec"]);
    Ok(())
}

#[test]
fn a_held_prune_is_shown_approved_and_undone() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    for number in 0..OBJECTS {
        scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1"))?;
    }
    let daemon = Daemon::over(scene)?;
    let client = daemon.kubectl()?;
    let objects = || {
        Ok::<_, anyhow::Error>(
            client
                .answer(["get", "cm", "-n", "shop", "-o", "name"])?
                .lines()
                .count(),
        )
    };
    fs::rename(daemon.scene.manifests(), daemon.scene.outside("gone"))?;
    fs::create_dir(daemon.scene.manifests())?;
    let id = eventually(DEADLINE, "a prune is held", || {
        let held = client.answer(["get", "heldprunes", "-o", "jsonpath={.items[*].metadata.name}"])?;
        Ok((!held.is_empty()).then_some(held))
    })?;
    assert_eq!(objects()?, OBJECTS);
    let held = client.json(["get", "heldprune", &id, "-o", "json"])?;
    assert_eq!(
        (&held["status"]["state"], &held["status"]["objects"]),
        (&"Held".into(), &OBJECTS.into())
    );
    assert_eq!(held["spec"]["source"], SOURCE);
    let table = client.answer(["get", "hp"])?;
    ensure!(
        cells(&table)[1].contains(&id.as_str()) && table.contains("Held"),
        "{table}"
    );
    let list = client.json(["get", "--raw", &format!("{PRUNES}/{id}/objects")])?;
    assert_eq!(list["items"].as_array().context("items")?.len(), OBJECTS);
    client.answer([
        "wait",
        "--for=condition=PruneHeld",
        "--timeout=50s",
        &format!("source/{SOURCE}"),
    ])?;

    let approved = post(&client, &format!("{PRUNES}/{id}/approve"))?.expect_code(0)?;
    let approved: Value = serde_json::from_str(&approved.stdout)?;
    assert_eq!(approved["deleted"], OBJECTS, "{approved}");
    assert_eq!(objects()?, 0);
    let twice = post(&client, &format!("{PRUNES}/{id}/approve"))?.expect_code(1)?;
    ensure!(twice.stderr.contains("Conflict"), "{}", twice.stderr);
    let nobody = post(&client, &format!("{PRUNES}/0000/approve"))?.expect_code(1)?;
    ensure!(nobody.stderr.contains("NotFound"), "{}", nobody.stderr);

    let undone = post(&client, &format!("{PRUNES}/{id}/undo"))?.expect_code(0)?;
    let undone: Value = serde_json::from_str(&undone.stdout)?;
    assert_eq!(undone["restored"], OBJECTS, "{undone}");
    assert_eq!(objects()?, OBJECTS);
    eventually(DEADLINE, "nothing is held any more", || {
        let source = client.json(["get", "source", SOURCE, "-o", "json"])?;
        let conditions = source["status"]["conditions"].as_array().context("conditions")?;
        let is_held = conditions.iter().any(|condition| condition["type"] == "PruneHeld");
        Ok((!is_held).then_some(()))
    })
}
