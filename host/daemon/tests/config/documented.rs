//! The examples of `docs/configuration.md`.

use std::fs;
use std::path::Path;

use k1s_sync_host::config::{Activation, SourceSettings};

use crate::stage::Place;

/// The fenced blocks of a language.
fn blocks<'t>(page: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str())
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")).unwrap()
}

#[test]
fn the_examples_are_accepted() {
    let page = page();
    let [configuration, registration] = blocks(&page, "yaml")[..] else {
        panic!("not two examples")
    };
    let place = Place::new();
    place.program("conf/k1s-sync-fs", 0o755);
    place.program("bin/k1s-sync-fs", 0o755);
    place.program("plugins.d/csv-source", 0o755);
    place.write("conf/sync.yaml", configuration);
    place.write("plugins.d/csv.yaml", registration);
    let read = place.load(&["conf/sync.yaml"], "--plugin csv").unwrap();
    let program = |source: &SourceSettings| match &source.activation {
        Activation::Enabled(plugin) => plugin.program.clone(),
        Activation::Disabled => panic!("{} is disabled", source.name),
    };
    let programs: Vec<_> = read.sources.iter().map(|source| program(source)).collect();
    let expected = ["conf/k1s-sync-fs", "bin/k1s-sync-fs", "plugins.d/csv-source"].map(|name| place.path(name));
    assert_eq!(programs, expected);
}

#[test]
fn the_messages_are_those_of_the_program() {
    let page = page();
    let [configuration, _] = blocks(&page, "yaml")[..] else {
        panic!("not two examples")
    };
    let [messages] = blocks(&page, "text")[..] else {
        panic!("not one example")
    };
    let place = Place::new();
    let broken = configuration
        .replacen("options:\n  interval: 1m\n  guard: {min: 20, percent: 25}\n", "\n", 1)
        .replacen(
            "  plugin: ./k1s-sync-fs\n  config:\n",
            "  plugn: ./k1s-sync-fs\n  plugin: ./fs\n  interval: 10ms\n  config:\n",
            1,
        )
        .replacen("plugin: k1s-sync-fs", "plugin: ./fs", 1);
    place.write("sync.yaml", &broken);
    place.program("fs", 0o755);
    assert_eq!(place.refusal(&["sync.yaml"], ""), messages.trim_end());
}
