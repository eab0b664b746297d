//! Fields that are refused, each at its line and column.

use crate::stage::assert_refused;

/// What is not what a field holds: a name, a body from line 3, and each finding.
const WRONG_TYPES_AND_NAMES: &[(&str, &str, &[&str])] = &[
    (
        "unknown field",
        "source: []",
        &["3:1: unknown field \"source\"; did you mean \"sources\"?"],
    ),
    ("nothing alike", "zzzzzz: []", &["3:1: unknown field \"zzzzzz\""]),
    (
        "sources not a list",
        "sources: {}",
        &["3:10: expected a list, found a mapping"],
    ),
    (
        "source not a mapping",
        "sources: [x]",
        &["3:11: expected a mapping, found the text \"x\""],
    ),
    (
        "no name",
        "sources:\n- plugin: ../fs",
        &["4:3: the field \"name\" is missing"],
    ),
    (
        "no plugin",
        "sources:\n- name: a",
        &["4:3: the field \"plugin\" is missing"],
    ),
    (
        "name is a number",
        "sources:\n- {name: 1, plugin: ../fs}",
        &["4:10: expected text, found the number 1; put it in quotes"],
    ),
    (
        "name that YAML takes for true",
        "sources:\n- {name: y, plugin: ../fs}",
        &["4:10: expected text, found true; put it in quotes"],
    ),
    (
        "name is no label",
        "sources:\n- {name: A_b, plugin: ../fs}",
        &["4:10: use lower-case letters"],
    ),
    (
        "empty plugin",
        "sources:\n- {name: a, plugin: ''}",
        &["4:21: it is empty"],
    ),
    (
        "field of a source",
        "sources:\n- name: a\n  plugin: ../fs\n  allowempty: true",
        &["6:3: unknown field \"allowempty\"; did you mean \"allowEmpty\"?"],
    ),
    (
        "not a bool",
        "sources:\n- {name: a, plugin: ../fs, prune: 'yes'}",
        &["4:35: expected true or false, found the text \"yes\""],
    ),
    (
        "config not a mapping",
        "sources:\n- {name: a, plugin: ../fs, config: [1]}",
        &["4:36: expected a mapping, found a list"],
    ),
    (
        "not a choice",
        "sources:\n- {name: a, plugin: ../fs, adoption: ifequal}",
        &["4:38: \"ifequal\" is not one of: IfEqual, IfUnowned, Always, Never; did you mean \"IfEqual\"?"],
    ),
    (
        "onError",
        "sources:\n- {name: a, plugin: ../fs, onError: stop}",
        &["4:37: \"stop\" is not one of: continue"],
    ),
    (
        "log level",
        "options: {logLevel: loud}",
        &["3:21: \"loud\" is not one of: error, warn, info, debug, trace"],
    ),
    (
        "api port",
        "options: {api: {port: 65536}}",
        &["3:23: port is 65536; it must be from 1 to 65535"],
    ),
    (
        "api port 0",
        "options: {api: {port: 0}}",
        &["3:23: port is 0; it must be from 1 to 65535"],
    ),
    (
        "field of api",
        "options: {api: {prot: 1}}",
        &["3:17: unknown field \"prot\"; did you mean \"port\"?"],
    ),
    (
        "api of a source",
        "sources:\n- {name: a, plugin: ../fs, api: {}}",
        &["4:28: unknown field \"api\""],
    ),
    (
        "namespace",
        "sources:\n- {name: a, plugin: ../fs, defaultNamespace: Shop}",
        &["4:46: the namespace \"Shop\" is not allowed"],
    ),
    (
        "mapped namespace",
        "sources:\n- {name: a, plugin: ../fs, namespaceMapping: {shop: Store, Shop: store}}",
        &[
            "4:53: the namespace \"Store\" is not allowed",
            "4:60: the namespace \"Shop\" is not allowed",
        ],
    ),
    (
        "what becomes of objects",
        "sources:\n- {name: a, plugin: ../fs, onSourceRemoved: delete, onSelectionChange: Keep}",
        &[
            "4:45: \"delete\" is not one of: keep, prune",
            "4:72: \"Keep\" is not one of: keep, prune; did you mean \"keep\"?",
        ],
    ),
    (
        "pattern",
        "sources:\n- {name: a, plugin: ../fs, kinds: {allow: [Secret, 'a/b/c']}}",
        &["4:52: \"a/b/c\" is not a pattern"],
    ),
    (
        "filter's field",
        "sources:\n- {name: a, plugin: ../fs, namespaces: {alow: [x]}}",
        &["4:41: unknown field \"alow\"; did you mean \"allow\"?"],
    ),
    (
        "environment value",
        "sources:\n- {name: a, plugin: ../fs, env: {A: 1}}",
        &["4:37: expected text, found the number 1"],
    ),
    (
        "environment name",
        "sources:\n- {name: a, plugin: ../fs, env: {A: x, K1S_SOURCE_ADDR: x}}",
        &["4:40: is set by the host"],
    ),
    ("instance id", "instanceId: Host_1", &["3:13: the instance id"]),
    (
        "instance id is null",
        "instanceId: null\nsources: 3",
        &["4:10: expected a list, found 3"],
    ),
    (
        "after an anchor",
        "sources:\n- &a {name: a, plugin: ../fs, mirror: 1}",
        &["4:39: expected true or false, found 1"],
    ),
];

#[test]
fn wrong_types_and_names_are_refused_where_they_stand() {
    for (name, body, expected) in WRONG_TYPES_AND_NAMES {
        assert_refused(name, body, expected);
    }
}

/// What a field cannot hold, in the same form.
const WRONG_VALUES: &[(&str, &str, &[&str])] = &[
    (
        "interval too short",
        "options: {interval: 10ms}",
        &["3:21: interval is 10ms; it must be from 1s to 24h"],
    ),
    (
        "interval too long",
        "options: {interval: 25h}",
        &["3:21: it must be from 1s to 24h"],
    ),
    (
        "interval without unit",
        "options:\n  interval: '30'",
        &["4:13: \"30\" lacks a unit"],
    ),
    (
        "interval as a number",
        "options:\n  interval: 30",
        &["4:13: expected text, found the number 30"],
    ),
    (
        "interval in words",
        "options: {interval: often}",
        &["3:21: \"often\" is not a duration"],
    ),
    (
        "interval negative",
        "options: {interval: -3s}",
        &["3:21: \"-3s\" is not a duration"],
    ),
    (
        "own interval",
        "sources:\n- {name: a, plugin: ../fs, interval: 0s}",
        &["4:38: interval is 0s"],
    ),
    (
        "settle",
        "options: {deleteSettle: 2h}",
        &["3:25: it must be from 0s to 1h"],
    ),
    (
        "start deadline",
        "options: {startDeadline: 1ms}",
        &["3:26: it must be from 100ms to 1h"],
    ),
    (
        "stop deadline",
        "options: {stopDeadline: 0s}",
        &["3:25: it must be from 100ms to 1h"],
    ),
    (
        "hung",
        "options: {hungAfter: 999ms}",
        &["3:22: it must be from 1s to 24h"],
    ),
    (
        "guard's share",
        "options: {guard: {percent: 101}}",
        &["3:28: 101 is not a percentage"],
    ),
    (
        "guard below zero",
        "options: {guard: {min: -1}}",
        &["3:24: expected a whole number from 0, found -1"],
    ),
    (
        "guard in parts",
        "options: {guard: {min: 1.5}}",
        &["3:24: expected a whole number from 0, found 1.5"],
    ),
    (
        "guard's field",
        "options: {guard: {max: 1}}",
        &["3:19: unknown field \"max\""],
    ),
];

#[test]
fn wrong_values_are_refused_where_they_stand() {
    for (name, body, expected) in WRONG_VALUES {
        assert_refused(name, body, expected);
    }
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let body = "\
optoins: {}
options: {interval: 1, hungAfter: x}
sources:
- name: ok
  plugin: ../fs
- nam: b
  plugin: ../fs
  prune: 3
- {name: ok, plugin: ../missing}
";
    let expected = [
        "3:1: did you mean \"options\"?",
        "4:21: expected text, found the number 1",
        "4:35: \"x\" is not a duration",
        "8:3: the field \"name\" is missing",
        "8:3: unknown field \"nam\"; did you mean \"name\"?",
        "10:10: expected true or false, found 3",
        "11:10: the source name ok is already used in",
        "11:22: does not exist",
    ];
    assert_refused("many", body, &expected);
}
