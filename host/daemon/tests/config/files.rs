//! Files that are refused whole, and what several files may not say together.

use crate::stage::{HEAD, Place, assert_found, assert_refused};

#[test]
fn names_are_used_once() {
    let twice = "sources:\n- {name: a, plugin: ../fs}\n- {name: a, plugin: ../fs}";
    assert_refused("in one file", twice, &["5:10: the source name a is already used in"]);

    let place = Place::new();
    for file in ["conf/1.yaml", "conf/2.yml"] {
        place.write(file, &format!("{HEAD}sources: [{{name: a, plugin: ../fs}}]\n"));
    }
    let found = place.refusal(&["conf"], "");
    assert_found(
        "in two files",
        &found,
        &["conf/2.yml:3:18: the source name a is already used in"],
    );
    assert!(found.ends_with("conf/1.yaml:3:18"), "both places are named: {found}");

    let found = place.refusal(&["conf/1.yaml"], "--plugin ./fs --name a");
    assert_eq!(found, "the source name a is already used in conf/1.yaml:3:18");
    let found = place.refusal(&[], "--plugin ./fs --plugin ./fs");
    assert_eq!(
        found,
        "the source name fs is already used by another --plugin; use --name"
    );
}

#[test]
fn only_one_file_has_options_or_an_instance_id() {
    let place = Place::new();
    place.write(
        "conf/1.yaml",
        &format!("{HEAD}instanceId: a\noptions: {{interval: 1m}}\n"),
    );
    place.write(
        "conf/2.yaml",
        &format!("{HEAD}options: {{interval: 1m}}\ninstanceId: b\n"),
    );
    let found = place.refusal(&["conf"], "");
    let expected = [
        "conf/2.yaml:3:10: \"options\" is already set in conf/1.yaml:4:10",
        "conf/2.yaml:4:13: \"instanceId\" is already set in",
    ];
    assert_found("two files", &found, &expected);
}

#[test]
fn a_file_is_one_document_of_the_right_kind() {
    let place = Place::new();
    for (name, text, expected) in [
        ("empty", "", "the file has no content"),
        ("only comments", "# nothing\n", "the file has no content"),
        (
            "two documents",
            "apiVersion: sync.k1s.io/v1alpha1\nkind: SyncConfiguration\n---\na: 1\n",
            "one document is expected",
        ),
        (
            "duplicate key",
            "kind: SyncConfiguration\nkind: SyncConfiguration\n",
            "2:1: key `kind` is already set at line 1",
        ),
        ("not YAML", "a: [\n", "c.yaml:"),
        ("tab", "a:\n\t- b\n", "c.yaml:2:"),
        (
            "version",
            "apiVersion: sync.k1s.io/v1\nkind: SyncConfiguration\n",
            "1:13: \"sync.k1s.io/v1\" is not one of: sync.k1s.io/v1alpha1; did you mean",
        ),
        (
            "kind",
            "apiVersion: sync.k1s.io/v1alpha1\nkind: Deployment\n",
            "2:7: \"Deployment\" is not one of: SyncConfiguration",
        ),
        (
            "no version",
            "kind: SyncConfiguration\n",
            "1:1: the field \"apiVersion\" is missing",
        ),
        ("a list", "- a\n", "1:1: expected a mapping, found a list"),
        ("not UTF-8", "a: \u{0}b\n", "NUL byte"),
    ] {
        place.write("conf/c.yaml", text);
        let found = place.refusal(&["conf/c.yaml"], "");
        assert_eq!(found.lines().count(), 1, "{name}: {found}");
        assert!(
            found.starts_with("conf/c.yaml:") && found.contains(expected),
            "{name}: {found}"
        );
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let place = Place::new();
    assert_eq!(
        place.refusal(&["absent.yaml"], ""),
        "absent.yaml: cannot be read: No such file or directory (os error 2)"
    );
    place.write("conf/.hidden.yaml", "x");
    place.write("conf/notes.txt", "x");
    assert_eq!(
        place.refusal(&["conf"], ""),
        "conf: the directory has no *.yaml, *.yml, *.json"
    );
    place.write("big.yaml", &format!("{HEAD}#{}\n", "x".repeat(4 << 20)));
    assert!(place.refusal(&["big.yaml"], "").contains("larger than"));
}
