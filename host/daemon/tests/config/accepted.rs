//! Configurations that are right, and what becomes of each field.

use std::path::Path;
use std::time::Duration;

use k1s_object::StatusRule;
use k1s_sync_engine::decide::Adoption;
use k1s_sync_engine::guard::GuardLimit;
use k1s_sync_engine::policy::{Departure, EmptyRule, NamespaceCreation, PruneMode, Undeclared};
use k1s_sync_host::config::{
    Activation, ApiSettings, Configuration, Inputs, LogLevel, PluginConfig, PluginOrigin, PluginSearch, SourceSettings,
    load,
};
use serde_json::{Value, json};

use crate::stage::{HEAD, PLUGIN_HEAD, Place};

fn source<'c>(configuration: &'c Configuration, name: &str) -> &'c SourceSettings {
    configuration
        .sources
        .iter()
        .find(|source| source.name.as_str() == name)
        .unwrap()
}

fn program(source: &SourceSettings) -> &Path {
    match &source.activation {
        Activation::Enabled(plugin) => &plugin.program,
        Activation::Disabled => panic!("{} is disabled", source.name),
    }
}

fn every_field(place: &Place) -> String {
    format!(
        "{HEAD}
instanceId: host-1
options:
  conflictResolution: SourceWins
  interval: 1m30s
  deleteSettle: 2s
  startDeadline: 10s
  stopDeadline: 500ms
  hungAfter: 2m
  guard: {{min: 5, percent: 10}}
  logLevel: warn
  api: {{port: 41443}}
sources:
- name: plain
  plugin: ../fs
- name: own
  plugin: {}
  enabled: true
  config: {{path: ./x, depth: 3}}
  defaultNamespace: shop
  namespaceMapping: {{shop: store}}
  createNamespaces: false
  kinds: {{allow: [Deployment], deny: [core/*]}}
  namespaces: {{deny: [kube-*]}}
  adoption: IfUnowned
  mirror: true
  prune: false
  allowEmpty: true
  includeStatus: true
  onError: continue
  onSelectionChange: prune
  onSourceRemoved: prune
  env: {{TOKEN: t}}
  conflictResolution: SourceWins
  interval: 5s
  deleteSettle: 0s
  startDeadline: 1s
  stopDeadline: 1s
  hungAfter: 1s
  guard: {{percent: 0}}
  logLevel: trace
- name: 'off'
  plugin: ./is/not/there
  enabled: false
",
        place.path("fs").display()
    )
}

#[test]
fn every_field_has_its_effect() {
    let place = Place::new();
    place.write("conf/c.yaml", &every_field(&place));
    let read = place.load(&["conf"], "").unwrap();
    assert_eq!(
        read.instance_id.as_ref().map(ToString::to_string).as_deref(),
        Some("host-1")
    );
    assert_eq!(read.options.log_level, LogLevel::Warn);
    let names: Vec<&str> = read.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["plain", "own", "off"]);

    takes_what_all_have(source(&read, "plain"), &place);
    let own = source(&read, "own");
    has_its_own(own, &place);
    assert_eq!(source(&read, "off").activation, Activation::Disabled);
    assert_eq!(
        own.origin.place("/config/depth").unwrap().to_string(),
        format!("{}:21:30", place.path("conf/c.yaml").display())
    );
    assert_eq!(own.origin.place("/config/absent").unwrap().line, 21);
}

fn takes_what_all_have(plain: &SourceSettings, place: &Place) {
    assert_eq!(program(plain), place.path("conf/../fs"));
    assert_eq!(plain.base_dir, place.path("conf"));
    assert_eq!(plain.log_level, LogLevel::Warn);
    assert_eq!(plain.timing.interval, Some(Duration::from_secs(90)));
    assert_eq!(plain.timing.delete_settle, Duration::from_secs(2));
    assert_eq!(plain.timing.start_deadline, Duration::from_secs(10));
    assert_eq!(plain.timing.stop_deadline, Duration::from_millis(500));
    assert_eq!(plain.timing.hung_after, Duration::from_secs(120));
    assert_eq!(plain.policy.guard, GuardLimit { min: 5, percent: 10 });
    assert_eq!(&*plain.policy.default_namespace, "default");
}

fn has_its_own(own: &SourceSettings, place: &Place) {
    assert_eq!(program(own), place.path("fs"));
    assert_eq!(
        own.config,
        PluginConfig::Values(json!({"path": "./x", "depth": 3}).as_object().unwrap().clone())
    );
    assert_eq!(&*own.policy.default_namespace, "shop");
    assert_eq!(own.policy.namespace("shop"), "store");
    assert_eq!(own.policy.namespace("other"), "other");
    assert_eq!(own.policy.deselected, Departure::Prune);
    // With `prune: false` nothing of it is ever deleted.
    assert_eq!(own.policy.removed, Departure::Keep);
    assert_eq!(own.policy.namespace_creation, NamespaceCreation::Declared);
    assert_eq!(own.policy.adoption, Adoption::IfUnowned);
    assert_eq!(own.policy.undeclared, Undeclared::Strip);
    assert_eq!(own.policy.prune, PruneMode::Disabled);
    assert_eq!(own.policy.empty, EmptyRule::Allow);
    assert_eq!(own.policy.status, StatusRule::Keep);
    assert_eq!(own.policy.guard, GuardLimit { min: 5, percent: 0 });
    assert!(!own.policy.kinds.allows("Secret") && own.policy.kinds.allows("apps/Deployment"));
    assert!(!own.policy.namespaces.allows("kube-system") && own.policy.namespaces.allows("shop"));
    assert_eq!(own.timing.interval, Some(Duration::from_secs(5)));
    assert_eq!(own.timing.delete_settle, Duration::ZERO);
    assert_eq!(own.log_level, LogLevel::Trace);
    let Activation::Enabled(plugin) = &own.activation else {
        panic!("disabled")
    };
    assert_eq!(plugin.env.get("TOKEN").map(String::as_str), Some("t"));
    assert_eq!(plugin.origin, PluginOrigin::Path);
}

#[test]
fn a_command_line_is_a_configuration_of_its_own() {
    let place = Place::new();
    place.program("bin/k1s-sync-fs", 0o755);
    let read = place
        .load(
            &[],
            "--plugin ./fs --set path=./m --set n=3 --plugin k1s-sync-fs --instance-id h --log-level debug",
        )
        .unwrap();
    assert_eq!(read.instance_id.as_ref().map(ToString::to_string).as_deref(), Some("h"));
    let [first, second] = &read.sources[..] else {
        panic!("{read:?}")
    };
    assert_eq!((first.name.as_str(), second.name.as_str()), ("fs", "k1s-sync-fs"));
    assert_eq!(
        (program(first), program(second)),
        (&*place.path("fs"), &*place.path("bin/k1s-sync-fs"))
    );
    assert_eq!(
        Value::Object(first.config.values(None).unwrap()),
        json!({"path": "./m", "n": 3})
    );
    assert_eq!(
        (first.base_dir.as_path(), first.log_level),
        (place.root.path(), LogLevel::Debug)
    );
    assert_eq!(first.timing.interval, None, "the plugin may have its own");
    assert_eq!(first.origin.place("/config/path"), None);

    let found = place.refusal(&[], "--plugin ./fs --set a=1 --set a=2");
    assert_eq!(found, "--set of source fs: a is set twice");
}

#[test]
fn files_are_merged_in_the_order_of_names() {
    let place = Place::new();
    place.write(
        "conf/b.json",
        r#"{"apiVersion":"sync.k1s.io/v1alpha1","kind":"SyncConfiguration","sources":[{"name":"j","plugin":"../fs"}]}"#,
    );
    place.write("conf/a.yml", &format!("{HEAD}options: {{interval: 1m}}\n"));
    place.write("conf/c.yaml", &format!("{HEAD}sources: [{{name: z, plugin: ../fs}}]\n"));
    place.write("conf/ignored.txt", "}");
    let read = place.load(&["conf"], "--plugin ./fs").unwrap();
    let names: Vec<&str> = read.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["j", "z", "fs"]);
    assert!(
        read.sources
            .iter()
            .all(|source| source.timing.interval == Some(Duration::from_secs(60)))
    );
}

#[test]
fn a_registered_plugin_brings_arguments_and_environment() {
    let place = Place::new();
    place.directory("first");
    place.write(
        "first/p.yaml",
        &format!("{PLUGIN_HEAD}name: csv\ncommand: ./../fs\nargs: [-u, x]\nenv: {{A: '1', B: '1'}}\n"),
    );
    place.write(
        "plugins.d/p.yaml",
        &format!("{PLUGIN_HEAD}name: csv\ncommand: ./absent\n"),
    );
    place.write(
        "conf/c.yaml",
        &format!("{HEAD}sources: [{{name: s, plugin: csv, env: {{B: '2'}}}}]\n"),
    );
    let search = PluginSearch::new(
        vec![place.path("none"), place.path("first"), place.path("plugins.d")],
        None,
    );
    let read = load(&Inputs {
        files: &[place.path("conf/c.yaml")],
        sources: &[],
        instance_id: None,
        log_level: None,
        working_directory: place.root.path(),
        plugins: &search,
    });
    let read = read.unwrap();
    let Activation::Enabled(plugin) = &source(&read, "s").activation else {
        panic!("disabled")
    };
    assert_eq!(plugin.args, ["-u", "x"]);
    assert_eq!(json!(plugin.env), json!({"A": "1", "B": "2"}));
    let PluginOrigin::Registry(from) = &plugin.origin else {
        panic!("{:?}", plugin.origin)
    };
    assert_eq!(
        from.to_string(),
        format!("{}:3:7", place.path("first/p.yaml").display())
    );
}

#[test]
fn the_api_is_served_unless_it_is_switched_off() {
    for (options, expected) in [
        ("", ApiSettings::Served { port: None }),
        ("options: {api: {}}", ApiSettings::Served { port: None }),
        (
            "options: {api: {port: 1}}",
            ApiSettings::Served {
                port: std::num::NonZeroU16::new(1),
            },
        ),
        ("options: {api: {enabled: false, port: 1}}", ApiSettings::Off),
    ] {
        let place = Place::new();
        place.write("conf/c.yaml", &format!("{HEAD}{options}\n"));
        assert_eq!(place.load(&["conf"], "").unwrap().options.api, expected, "{options}");
    }
}
