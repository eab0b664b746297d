//! Plugins that cannot be started, and registry files.

use crate::stage::{HEAD, PLUGIN_HEAD, Place, assert_found};

#[test]
fn plugins_that_cannot_be_started_are_refused() {
    let place = Place::new();
    place.program("plain", 0o644);
    place.program("open", 0o757);
    place.program("bin/k1s-sync-fs", 0o755);
    place.program("bin/k1s-sync-host", 0o755);
    place.directory("shared");
    place.program("shared/fs", 0o755);
    place.mode("shared", 0o777);
    for (plugin, expected) in [
        ("../ffs", "does not exist; did you mean \"fs\"?"),
        ("../nowhere/x", "nowhere/x does not exist"),
        ("../plain", "plain is not executable; run `chmod +x"),
        ("../open", "open is writable by others"),
        ("../shared/fs", "shared is writable by others"),
        ("../conf", "conf is not a regular file"),
        ("k1s-sync-fz", "there is no plugin \"k1s-sync-fz\" in plugins.d, "),
        (
            "k1s-sync-fz",
            "; did you mean \"k1s-sync-fs\"?; a path needs a slash, as in ./k1s-sync-fz",
        ),
        ("k1s-sync-host", "there is no plugin \"k1s-sync-host\""),
        ("fs", "a path needs a slash, as in ./fs"),
    ] {
        place.write(
            "conf/c.yaml",
            &format!("{HEAD}sources:\n- name: a\n  plugin: {plugin}\n"),
        );
        assert_found(
            plugin,
            &place.refusal(&["conf/c.yaml"], ""),
            &[&format!("conf/c.yaml:5:11: {expected}")],
        );
    }
    let found = place.refusal(&[], "--plugin ./plain --name a");
    assert!(found.starts_with("plugin plain is not executable"), "{found}");
}

#[test]
fn registry_files_are_read_as_strictly() {
    for (name, body, expected) in [
        (
            "pins",
            "name: csv\ncommand: ../fs\npins: []",
            "plugins.d/p.yaml:5:1: \"pins\" is not supported in this version",
        ),
        (
            "permissions",
            "name: csv\ncommand: ../fs\npermissions: {}",
            "plugins.d/p.yaml:5:1: \"permissions\" is not supported",
        ),
        (
            "unknown",
            "name: csv\ncommand: ../fs\narg: [x]",
            "plugins.d/p.yaml:5:1: unknown field \"arg\"; did you mean \"args\"?",
        ),
        (
            "no command",
            "name: csv",
            "plugins.d/p.yaml:1:1: the field \"command\" is missing",
        ),
        (
            "bare command",
            "name: csv\ncommand: python3",
            "plugins.d/p.yaml:4:10: \"python3\" is not a path",
        ),
        (
            "name",
            "name: CSV\ncommand: ../fs",
            "plugins.d/p.yaml:3:7: the name \"CSV\" is not allowed",
        ),
        (
            "args",
            "name: csv\ncommand: ../fs\nargs: [1]",
            "plugins.d/p.yaml:5:8: expected text, found the number 1",
        ),
        (
            "env",
            "name: csv\ncommand: ../fs\nenv: {K1S_SOURCE_X: a}",
            "plugins.d/p.yaml:5:7: is set by the host",
        ),
        (
            "its executable",
            "name: csv\ncommand: ../absent",
            "conf/c.yaml:3:29: absent cannot be found or read; check the path and the permissions of the directories above it; it is the command of plugins.d/p.yaml:3:7",
        ),
    ] {
        let place = Place::new();
        place.write("plugins.d/p.yaml", &format!("{PLUGIN_HEAD}{body}\n"));
        place.write(
            "conf/c.yaml",
            &format!("{HEAD}sources: [{{name: a, plugin: csv}}, {{name: b, plugin: csv}}]\n"),
        );
        let found = place.refusal(&["conf/c.yaml"], "");
        let (first, _) = found.split_once('\n').unwrap_or((&found, ""));
        assert_found(name, first, &[expected]);
    }
}

#[test]
fn registry_files_that_others_can_write_to_are_refused() {
    let place = Place::new();
    place.write("plugins.d/p.yaml", &format!("{PLUGIN_HEAD}name: csv\ncommand: ../fs\n"));
    place.write("plugins.d/q.yaml", &format!("{PLUGIN_HEAD}name: tsv\ncommand: ../fs\n"));
    place.mode("plugins.d/p.yaml", 0o666);
    let found = place.refusal(&[], "--plugin csv");
    assert!(
        found.starts_with("plugins.d/p.yaml: plugins.d/p.yaml is writable by others"),
        "{found}"
    );

    place.mode("plugins.d/p.yaml", 0o644);
    place.mode("plugins.d", 0o777);
    let found = place.refusal(&[], "--plugin csv");
    assert!(found.contains("plugins.d is writable by others"), "{found}");

    place.mode("plugins.d", 0o755);
    place.write("plugins.d/q.yaml", &format!("{PLUGIN_HEAD}name: csv\ncommand: ../fs\n"));
    let found = place.refusal(&[], "--plugin csv");
    assert_found(
        "twice",
        &found,
        &["plugins.d/q.yaml:3:7: the plugin \"csv\" is already named in plugins.d/p.yaml:3:7"],
    );
}
