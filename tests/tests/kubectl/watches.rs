//! `kubectl get --watch`: what happens to files is what a watch shows.

use anyhow::ensure;
use k1s_tests::kubectl::{Event, Watch};
use k1s_tests::scene::DEADLINE;

use crate::shop::{SETTINGS, Shop, file, name, setting};

/// The kinds of the events of one setting, in their order.
fn story(events: &[Event], number: usize) -> Vec<&str> {
    let of_it = events.iter().filter(|event| event.name() == ("many", &name(number)));
    of_it.map(|event| event.kind.as_str()).collect()
}

fn until_story(watch: &Watch, number: usize, expected: &[&str]) -> anyhow::Result<()> {
    let what = format!("{} is {expected:?}", name(number));
    watch.until(DEADLINE, &what, |events| {
        (story(events, number) == expected).then_some(())
    })
}

#[test]
fn a_watch_shows_what_happens_to_files() -> anyhow::Result<()> {
    let mut shop = Shop::open()?;
    let all = shop.client.watch(&["cm", "-n", "many"])?;
    let (one, of_app) = (
        shop.client.watch(&["cm", "s-04", "-n", "many"])?,
        shop.client.watch(&["cm", "-A", "-l", "app=red"])?,
    );
    all.until(DEADLINE, "all are there", |events| {
        (events.len() == SETTINGS).then_some(())
    })?;
    until_story(&one, 4, &["ADDED"])?;
    of_app.until(DEADLINE, "every second is there", |events| {
        (events.len() == SETTINGS.div_ceil(2)).then_some(())
    })?;

    shop.edit(4, "2")?;
    shop.remove(5)?;
    shop.until("deleted", 5)?;
    shop.daemon.scene.write(&file(30), &setting(30, "1"))?;
    shop.until("created", 30)?;
    // Leaving what is selected is a deletion for who selects, and entering it an addition.
    shop.daemon
        .scene
        .write(&file(6), &setting(6, "1").replace("app: red", "app: blue"))?;
    shop.until("updated", 6)?;
    shop.daemon
        .scene
        .write(&file(7), &setting(7, "1").replace("app: blue", "app: red"))?;
    shop.until("updated", 7)?;

    for (number, expected) in [
        (4, &["ADDED", "MODIFIED"][..]),
        (5, &["ADDED", "DELETED"]),
        (6, &["ADDED", "MODIFIED"]),
        (30, &["ADDED"]),
        (7, &["ADDED", "MODIFIED"]),
    ] {
        until_story(&all, number, expected)?;
    }
    for (number, expected) in [
        (4, &["ADDED", "MODIFIED"][..]),
        (5, &[]),
        (30, &["ADDED"]),
        (6, &["ADDED", "DELETED"]),
        (7, &["ADDED"]),
    ] {
        until_story(&of_app, number, expected)?;
    }
    until_story(&one, 4, &["ADDED", "MODIFIED"])?;
    let events = all.events()?;
    assert_eq!(events.len(), SETTINGS + 5, "nothing else happened");
    let last = events.iter().rfind(|event| event.name().1 == "s-04");
    ensure!(
        last.is_some_and(|event| event.object["data"]["value"] == "2"),
        "{last:?}"
    );
    Ok(())
}

#[test]
fn a_watch_ends_when_the_host_stops() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let watch = shop.client.watch(&["cm", "-n", "many"])?;
    watch.until(DEADLINE, "all are there", |events| {
        (events.len() == SETTINGS).then_some(())
    })?;
    shop.daemon.stop()?;
    assert_eq!(watch.finish(DEADLINE)?.len(), SETTINGS);
    Ok(())
}

#[test]
fn a_watched_table_has_rows_for_events() -> anyhow::Result<()> {
    let mut shop = Shop::open()?;
    let get = ["get", "cm", "-n", "many", "-w", "--output-watch-events"];
    let mut table = shop.client.start(get)?;
    table.until_printed("s-24", DEADLINE)?;
    shop.edit(3, "2")?;
    table.until_printed("MODIFIED", DEADLINE)?;
    shop.remove(2)?;
    table.until_printed("DELETED", DEADLINE)?;
    let (printed, _) = table.printed()?;
    ensure!(printed.starts_with("EVENT"), "{printed}");
    let rows: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let told = |kind: &str, name: &str| rows.iter().any(|row| row.starts_with(&[kind, name]));
    ensure!(told("MODIFIED", "s-03") && told("DELETED", "s-02"), "{printed}");
    Ok(())
}
