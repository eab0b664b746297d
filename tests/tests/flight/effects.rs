//! Selection, identity and tuning; filters and mapping: what each does to the token, the inventory and the objects.

use std::fs;

use anyhow::ensure;
use k1s_tests::scene::DEADLINE;

use crate::scene::{BYSTANDER, FILES, Flight, Said};

const DECLARED: &str = "shop/a 1\nshop/b 1\nb2 1\n";
const BEFORE: [&str; 4] = [
    "default/b2 files",
    "elsewhere/x bystander",
    "shop/a files",
    "shop/b files",
];
const RESUMED: &str = "resume:here";

/// Makes one change, and says how its source began anew.
fn changed(flight: &Flight, said: &Said) -> anyhow::Result<String> {
    let before = flight.journal()?.len();
    flight.say(said)?;
    flight.order(before + 1)
}

#[test]
fn tuning_keeps_the_token_the_inventory_and_the_objects() -> anyhow::Result<()> {
    let flight = Flight::begin(DECLARED)?;
    assert_eq!(flight.journal()?, ["list"]);
    assert_eq!(flight.objects()?, BEFORE);
    let bystander = flight.bystander()?;
    fs::write(flight.scene.outside("password"), "s3cret")?;
    let plain = Said::default;
    for (said, what) in [
        (plain().config("pace: 7"), "a field that tunes"),
        (plain().config("password: '@password'"), "a secret"),
        (plain().config("prefix: ''"), "a default that is written out"),
        (plain().config("cluster: ''"), "an identity that is written out"),
        (plain().field("guard: {min: 20}"), "the guard"),
        (plain().field("stopDeadline: 3s"), "a deadline"),
        (
            plain().field("onSelectionChange: prune"),
            "what becomes of what falls out",
        ),
        (plain().field("onSourceRemoved: prune"), "what becomes of everything"),
        (plain().field("env: {LANG: C.UTF-8}"), "the environment"),
        (plain(), "back to the beginning"),
    ] {
        assert_eq!(changed(&flight, &said)?, RESUMED, "{what}");
        assert_eq!(flight.objects()?, BEFORE, "{what}");
    }
    assert_eq!(flight.bystander()?, bystander, "its plugin runs on");
    flight.stop()?;
    Ok(())
}

#[test]
fn a_selection_drops_the_token_and_orphans_what_falls_out() -> anyhow::Result<()> {
    let flight = Flight::begin(DECLARED)?;
    let bystander = flight.bystander()?;
    let narrow = Said::default().config("prefix: b");
    assert_eq!(changed(&flight, &narrow)?, "list");
    flight.until_objects(&[
        "default/b2 files",
        "elsewhere/x bystander",
        "shop/a nobody",
        "shop/b files",
    ])?;
    // The token of the new selection is good for it, and for no other.
    assert_eq!(changed(&flight, &narrow.clone().config("pace: 1"))?, RESUMED);
    assert_eq!(changed(&flight, &Said::default())?, "list");
    flight.until_objects(&BEFORE)?;
    let pruning = Said::default().field("onSelectionChange: prune");
    assert_eq!(changed(&flight, &pruning)?, RESUMED);
    assert_eq!(changed(&flight, &pruning.config("prefix: b"))?, "list");
    flight.until_objects(&["default/b2 files", "elsewhere/x bystander", "shop/b files"])?;
    assert_eq!(flight.bystander()?, bystander, "its plugin runs on");
    flight.stop()?;
    Ok(())
}

#[test]
fn filters_let_go_of_what_they_exclude() -> anyhow::Result<()> {
    let flight = Flight::begin(DECLARED)?;
    let filtered = Said::default().field("namespaces: {deny: [shop]}");
    assert_eq!(changed(&flight, &filtered)?, "list");
    flight.until_objects(&[
        "default/b2 files",
        "elsewhere/x bystander",
        "shop/a nobody",
        "shop/b nobody",
    ])?;
    let waiting = |flight: &Flight| flight.condition(FILES, "PendingObjects");
    flight.until("two objects wait", |flight| {
        Ok(waiting(flight)?.is_some_and(|(_, _, message)| message.starts_with("2 wait")))
    })?;
    assert_eq!(changed(&flight, &Said::default())?, "list");
    flight.until_objects(&BEFORE)?;
    flight.until("nothing waits", |flight| Ok(waiting(flight)?.is_none()))?;
    let kinds = Said::default().field("kinds: {deny: [ConfigMap]}");
    assert_eq!(changed(&flight, &kinds)?, "list");
    flight.until_objects(&[
        "default/b2 nobody",
        "elsewhere/x bystander",
        "shop/a nobody",
        "shop/b nobody",
    ])?;
    flight.stop()?;
    Ok(())
}

#[test]
fn a_mapping_moves_what_is_declared_and_leaves_what_was_there() -> anyhow::Result<()> {
    let flight = Flight::begin(DECLARED)?;
    let mapped = Said::default().field("namespaceMapping: {shop: store, default: base}");
    assert_eq!(changed(&flight, &mapped)?, "list");
    flight.until_objects(&[
        "base/b2 files",
        "default/b2 nobody",
        "elsewhere/x bystander",
        "shop/a nobody",
        "shop/b nobody",
        "store/a files",
        "store/b files",
    ])?;
    let defaulted = mapped.field("defaultNamespace: shop").field("onSelectionChange: prune");
    assert_eq!(changed(&flight, &defaulted)?, "list");
    flight.until_objects(&[
        "default/b2 nobody",
        "elsewhere/x bystander",
        "shop/a nobody",
        "shop/b nobody",
        "store/a files",
        "store/b files",
        "store/b2 files",
    ])?;
    flight.stop()?;
    Ok(())
}

#[test]
fn an_identity_is_refused_until_a_reset() -> anyhow::Result<()> {
    let mut flight = Flight::begin(DECLARED)?;
    let other = Said::default().config("cluster: other");
    let orders = flight.journal()?.len();
    flight.say(&other)?;
    flight.until("it is refused", |flight| Ok(flight.phase(FILES)? == "Refused"))?;
    let (status, reason, message) = flight.condition(FILES, "Stalled")?.unwrap_or_default();
    assert_eq!((status.as_str(), reason.as_str()), ("True", "IdentityChanged"));
    ensure!(message.contains("k1s-sync-host reset files"), "{message}");
    ensure!(message.contains(r#"config/cluster is "other", was """#), "{message}");
    assert_eq!(flight.journal()?.len(), orders, "it was never asked for anything");
    assert_eq!(flight.objects()?, BEFORE);
    let refused = flight.scene.host(&["sync", FILES])?.expect_code(2)?;
    ensure!(refused.stderr.contains("reset files"), "{}", refused.stderr);

    // Set back, it goes on from where it was.
    assert_eq!(changed(&flight, &Said::default())?, RESUMED);
    flight.until("nothing is wrong", |flight| {
        Ok(flight.condition(FILES, "Stalled")?.is_none())
    })?;

    // Accepted, what only the former place declared stays, and is never pruned.
    flight.say(&other)?;
    flight.until("it is refused again", |flight| Ok(flight.phase(FILES)? == "Refused"))?;
    fs::write(flight.scene.outside("files.txt"), "shop/a 1\n")?;
    let before = flight.journal()?.len();
    flight.scene.host(&["reset", FILES])?.expect_code(0)?;
    assert_eq!(flight.order(before + 1)?, "list");
    flight.until_objects(&[
        "default/b2 nobody",
        "elsewhere/x bystander",
        "shop/a files",
        "shop/b nobody",
    ])?;
    flight.host.signal(rustix::process::Signal::KILL)?;
    let Flight { scene, host } = flight;
    host.wait(DEADLINE)?;
    let flight = Flight::over(scene)?;
    assert_eq!(
        flight.phase(FILES)?,
        "Running",
        "the identity that was accepted is remembered"
    );
    assert_eq!(flight.journal()?.last().map(String::as_str), Some(RESUMED));
    ensure!(flight.phase(BYSTANDER)? == "Running");
    flight.stop()?;
    Ok(())
}
