//! A plugin that breaks the contract again and again.

use anyhow::ensure;

use crate::scene::{BYSTANDER, FILES, Flight, Said};

#[test]
fn a_plugin_that_breaks_the_contract_is_quarantined_and_can_leave() -> anyhow::Result<()> {
    let flight = Flight::begin("shop/a 1\n")?;
    let nonsense = Said::default().field("env: {K1S_TEST_NONSENSE: 'yes'}");
    flight.say(&nonsense)?;
    flight.until("it is quarantined", |flight| Ok(flight.phase(FILES)? == "Quarantined"))?;
    let (status, reason, message) = flight.condition(FILES, "Stalled")?.unwrap_or_default();
    assert_eq!((status.as_str(), reason.as_str()), ("True", "Quarantined"));
    ensure!(message.contains("PROTOCOL_VIOLATION"), "{message}");
    ensure!(message.contains("k1s-sync-host resume files"), "{message}");
    assert_eq!(
        flight.objects()?,
        ["elsewhere/x bystander", "shop/a files"],
        "its objects stay"
    );
    assert_eq!(flight.phase(BYSTANDER)?, "Running");
    assert_eq!(flight.plugins(), 1);

    // Another host knows of it, and does not try.
    let orders = flight.journal()?.len();
    let flight = flight.restart()?;
    flight.until("it is quarantined still", |flight| {
        Ok(flight.phase(FILES)? == "Quarantined")
    })?;
    flight.until("the other runs", |flight| Ok(flight.phase(BYSTANDER)? == "Running"))?;
    assert_eq!((flight.plugins(), flight.journal()?.len()), (1, orders));

    // A person lets it try again; it has learned nothing. The first of a host's launches is no restart.
    let restarts = |flight: &Flight| anyhow::Ok(flight.status(FILES)?["status"]["restarts"].as_u64().unwrap_or(0));
    let before = restarts(&flight)?;
    let resumed = flight.scene.host(&["resume", FILES])?.expect_code(0)?;
    ensure!(resumed.stdout.contains("resumed"), "{}", resumed.stdout);
    flight.until("it was tried, and is quarantined again", |flight| {
        Ok(restarts(flight)? >= before + 2 && flight.phase(FILES)? == "Quarantined")
    })?;

    // Another configuration: nothing of the past counts.
    let orders = flight.journal()?.len();
    flight.say(&Said::default())?;
    // What a person asked for is still done: everything is listed. A plugin that was ended may write its journal late.
    flight.until("it goes on, and lists", |flight| {
        Ok(flight
            .journal()?
            .split_off(orders)
            .ends_with(&["resume:here".to_owned(), "list".to_owned()]))
    })?;
    flight.until("nothing is wrong", |flight| {
        Ok(flight.phase(FILES)? == "Running" && flight.condition(FILES, "Stalled")?.is_none())
    })?;
    flight.stop()?;
    Ok(())
}
