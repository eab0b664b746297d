//! How a changed configuration is noticed, what becomes of a broken one, and that a host ends up where the files say.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context as _, ensure};
use k1s_tests::program::start;
use k1s_tests::scene::{DEADLINE, Scene};
use rustix::process::Signal;

use crate::scene::{BYSTANDER, FILES, Flight, Said, both, command, entry, sync_file, write};

const DECLARED: &str = "a 1\n";

/// A configuration under which what is declared goes to a namespace.
fn into(namespace: &str) -> Said {
    Said::default().field(&format!("defaultNamespace: {namespace}"))
}

/// Waits until what is declared is owned in a namespace.
fn until_in(flight: &Flight, namespace: &str) -> anyhow::Result<()> {
    let expected = format!("{namespace}/a {FILES}");
    flight.until(&expected, |flight| Ok(flight.objects()?.contains(&expected)))
}

#[test]
fn a_broken_configuration_is_refused_whole_and_shown() -> anyhow::Result<()> {
    let mut flight = Flight::begin(DECLARED)?;
    let (bystander, orders) = (flight.bystander()?, flight.journal()?);
    let good = both(&into("new"))?;
    // The change of one source is good, that of the other is not.
    flight.write(&good.replace("- name: bystander", "- name: bystander\n  plugn: x"))?;
    flight.until_printed("the configuration is refused, and the one before stays in force:")?;
    flight.until_printed("sync.yaml:11:3: unknown field \"plugn\"; did you mean \"plugin\"?")?;
    for source in [FILES, BYSTANDER] {
        let (status, reason, message) = flight
            .condition(source, "ConfigurationRefused")?
            .context("a condition")?;
        assert_eq!((status.as_str(), reason.as_str()), ("True", "Invalid"));
        ensure!(message.contains("sync.yaml:11:3: unknown field"), "{message}");
    }
    let status = flight.scene.host(&["status"])?.expect_code(1)?;
    ensure!(status.stdout.contains("ConfigurationRefused"), "{}", status.stdout);
    // A file that is gone is as broken as one that says nonsense, and so is one without sources.
    for (text, finding) in [
        (None, "cannot be read"),
        (Some("sources: []\n"), "no source is configured"),
        (Some("sources: [\n"), "sync.yaml:"),
    ] {
        match text {
            Some(text) => flight.write(text)?,
            None => fs::remove_file(sync_file(&flight.scene))?,
        }
        flight.until(finding, |flight| {
            let condition = flight.condition(FILES, "ConfigurationRefused")?;
            Ok(condition.is_some_and(|(_, _, message)| message.contains(finding)))
        })?;
    }
    assert_eq!(
        (flight.bystander()?, flight.journal()?),
        (bystander, orders),
        "nothing was touched"
    );
    flight.write(&good)?;
    until_in(&flight, "new")?;
    flight.until("nothing is refused", |flight| {
        Ok(flight.condition(FILES, "ConfigurationRefused")?.is_none())
    })?;
    assert_eq!(flight.bystander()?, bystander);
    flight.stop()?;
    Ok(())
}

#[test]
fn a_hangup_has_it_read_and_what_needs_another_start_is_named() -> anyhow::Result<()> {
    let mut flight = Flight::begin(DECLARED)?;
    let orders = flight.journal()?;
    flight.host.signal(Signal::HUP)?;
    flight.until_printed("configuration read again: no source is to change")?;
    flight.write(&format!("options: {{api: {{port: 1}}}}\n{}", both(&Said::default())?))?;
    flight.until_printed("options.api takes effect when the host is started again")?;
    assert_eq!(flight.journal()?, orders);
    flight.stop()?;
    Ok(())
}

#[test]
fn a_volume_of_a_config_map_is_followed() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fs::write(scene.outside("files.txt"), DECLARED)?;
    fs::write(scene.outside("bystander.txt"), "elsewhere/x 1\n")?;
    let volume = scene.outside("volume");
    fs::create_dir(&volume)?;
    // As kubelet lays it out: a link to a directory of one state, and links through it.
    let publish = |state: &str, said: &Said| -> anyhow::Result<()> {
        write(
            &scene,
            &both(said)?
                .replace("file: ", "file: ../")
                .replace("journal: ", "journal: ../"),
        )?;
        fs::create_dir(volume.join(state))?;
        fs::rename(sync_file(&scene), volume.join(state).join("sync.yaml"))?;
        symlink(state, volume.join("..data_tmp"))?;
        Ok(fs::rename(volume.join("..data_tmp"), volume.join("..data"))?)
    };
    publish("..one", &into("one"))?;
    symlink("..data/sync.yaml", volume.join("sync.yaml"))?;
    let mut host = start(&mut command(&scene, &["-f", "volume/sync.yaml"])?)?;
    host.until_printed("api https://", DEADLINE)?;
    let scene_path = scene.outside("");
    let publish_two = || -> anyhow::Result<()> {
        publish("..two", &into("two"))?;
        Ok(fs::remove_dir_all(scene_path.join("volume/..one"))?)
    };
    let printed = |host: &k1s_tests::program::Running| host.printed().map(|(out, err)| out + &err);
    let owned = |namespace: &str| -> anyhow::Result<()> {
        let expected = format!("{namespace}/a {FILES}");
        k1s_tests::eventually(DEADLINE, &expected, || {
            let answer = scene.host(&["get", "configmaps", "-n", namespace, "-o", "wide"])?;
            Ok(answer.stdout.contains(FILES).then_some(()))
        })
        .with_context(|| printed(&host).unwrap_or_default())
    };
    owned("one")?;
    publish_two()?;
    owned("two")
}

#[test]
fn directories_of_files_and_registry_files_are_followed() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    for directory in ["conf.d", "plugins.d"] {
        fs::create_dir(scene.outside(directory))?;
    }
    for name in [FILES, BYSTANDER] {
        fs::write(scene.outside(&format!("conf.d/{name}.txt")), format!("{name}/a 1\n"))?;
    }
    let head = "apiVersion: sync.k1s.io/v1alpha1\nkind: SyncConfiguration\nsources:\n";
    let plugin = k1s_tests::program::built("k1s-test-source")?;
    let registered = |env: &str| {
        let command = plugin.display();
        let text =
            format!("apiVersion: sync.k1s.io/v1alpha1\nkind: SourcePlugin\nname: ledger\ncommand: {command}\n{env}");
        fs::write(scene.outside("plugins.d/ledger.yaml"), text)
    };
    registered("")?;
    let by_name = entry(FILES, &Said::default())?.replace(&plugin.display().to_string(), "ledger");
    fs::write(scene.outside("conf.d/1.yaml"), format!("{head}{by_name}"))?;
    fs::write(
        scene.outside("conf.d/2.yaml"),
        format!("{head}{}", entry(BYSTANDER, &Said::default())?),
    )?;
    let mut host = start(&mut command(&scene, &["-f", "conf.d", "--plugins-dir", "plugins.d"])?)?;
    host.until_printed("api https://", DEADLINE)?;
    let flight = Flight { scene, host };
    flight.until_objects(&["bystander/a bystander", "files/a files"])?;
    let journal = |flight: &Flight| -> anyhow::Result<usize> {
        let text = fs::read_to_string(flight.scene.outside("conf.d/files.journal"))?;
        Ok(text.lines().count())
    };
    assert_eq!(journal(&flight)?, 1);
    let text = format!(
        "apiVersion: sync.k1s.io/v1alpha1\nkind: SourcePlugin\nname: ledger\ncommand: {}\nenv: {{LANG: C.UTF-8}}\n",
        plugin.display()
    );
    fs::write(flight.scene.outside("plugins.d/ledger.yaml"), text)?;
    flight.until("the plugin's registry file counts", |flight| Ok(journal(flight)? == 2))?;
    fs::remove_file(flight.scene.outside("conf.d/2.yaml"))?;
    flight.until_objects(&["bystander/a nobody", "files/a files"])?;
    assert_eq!(journal(&flight)?, 2);
    flight.stop()?;
    Ok(())
}

#[test]
fn a_storm_of_changes_ends_with_the_last() -> anyhow::Result<()> {
    const CHANGES: usize = 100;
    let flight = Flight::begin(DECLARED)?;
    let bystander = flight.bystander()?;
    let with_bystander = |said: &Said| both(said);
    let renamed = |said: &Said| -> anyhow::Result<String> { Ok(both(said)?.replace("- name: files", "- name: other")) };
    for change in 0..CHANGES {
        let said = into(&format!("n{change}"));
        // Removed and added again, enabled and disabled, good and broken.
        let text = match change % 5 {
            0 => with_bystander(&said)?,
            1 => renamed(&said)?,
            2 => with_bystander(&said.field("enabled: false"))?,
            3 => with_bystander(&said.field("unheard: true"))?,
            _ => format!("sources:\n{}", entry(BYSTANDER, &Said::default())?),
        };
        flight.write(&text)?;
    }
    flight.say(&into("last"))?;
    until_in(&flight, "last")?;
    flight.until("it is as configured", |flight| {
        let owned = flight
            .objects()?
            .into_iter()
            .filter(|object| object.ends_with(FILES))
            .count();
        Ok(owned == 1 && flight.phase(FILES)? == "Running" && flight.plugins() == 2)
    })?;
    assert_eq!(flight.bystander()?, bystander, "its plugin runs on");
    flight.stop()?;
    Ok(())
}

#[test]
fn a_host_killed_while_it_changes_ends_where_the_files_say() -> anyhow::Result<()> {
    let mut flight = Flight::begin(DECLARED)?;
    for (round, moment) in [
        None,
        Some("configuration read again: files changed"),
        None,
        Some("configuration read again: files removed"),
        Some("source files   no longer configured"),
    ]
    .into_iter()
    .enumerate()
    {
        let said = into(&format!("n{round}"))
            .field("onSelectionChange: prune")
            .field("onSourceRemoved: prune");
        if moment.is_some_and(|text| text.contains("removed") || text.contains("no longer")) {
            flight.write(&format!("sources:\n{}", entry(BYSTANDER, &Said::default())?))?;
        } else {
            flight.say(&said)?;
        }
        if let Some(text) = moment {
            flight.until_printed(text)?;
        }
        flight.host.signal(Signal::KILL)?;
        let Flight { scene, host } = flight;
        host.wait(DEADLINE)?;
        write(&scene, &both(&said)?)?;
        flight = Flight::over(scene)?;
        flight.until_objects(&["elsewhere/x bystander", &format!("n{round}/a {FILES}")])?;
    }
    flight.stop()?;
    Ok(())
}
