//! The JSON Schemas: they name what is read, and nothing that has not landed.

use std::fs;
use std::path::Path;

use k1s_sync_host::config::{source_plugin_schema, sync_configuration_schema};
use serde_json::{Value, json};

use crate::stage::{Place, assert_refused};

#[test]
fn fields_that_have_not_landed_are_refused_as_such() {
    let source = |field: &str| format!("sources:\n- {{name: a, plugin: ../fs, {field}: x}}");
    let options = |field: &str| format!("options: {{{field}: x}}");
    for field in [
        "limits",
        "onConflict",
        "onTimeout",
        "permissions",
        "priority",
        "promptTimeout",
        "selector",
        "transactional",
        "untrusted",
    ] {
        assert_refused(
            field,
            &source(field),
            &[&format!("4:28: \"{field}\" is not supported in this version")],
        );
        assert!(!is_in_schema("Source", field), "{field}");
    }
    for field in [
        "buffers",
        "debounce",
        "history",
        "metrics",
        "onConflict",
        "onTimeout",
        "promptTimeout",
        "retention",
        "statusInObject",
        "transferGrace",
        "unknownKinds",
    ] {
        assert_refused(
            field,
            &options(field),
            &[&format!("3:11: \"{field}\" is not supported in this version")],
        );
        assert!(!is_in_schema("Options", field), "{field}");
    }
    for policy in ["LocalWins", "Merge", "MergeStrategy", "PromptUser"] {
        let body = format!("options: {{conflictResolution: {policy}}}");
        assert_refused(
            policy,
            &body,
            &[&format!("3:31: \"{policy}\" is not supported in this version")],
        );
    }
}

fn is_in_schema(definition: &str, field: &str) -> bool {
    property_names(&sync_configuration_schema()["$defs"][definition])
        .iter()
        .any(|name| name == field)
}

fn property_names(schema: &Value) -> Vec<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_files_are_read_with_the_fields_of_their_schemas() {
    let place = Place::new();
    // No field is a list of lists, so each of them is refused; it must be for its type and not for its name.
    let assert_known = |file: &Value, field: &str| {
        place.write("conf/c.yaml", &file.to_string());
        let found = place.refusal(&["conf"], "");
        let refused_by_name = found.contains("unknown field") || found.contains("not supported");
        assert!(!refused_by_name && found.contains("expected "), "{field}: {found}");
    };
    let with = |mut file: Value, pointer: &str, field: &str| {
        file.pointer_mut(pointer).unwrap()[field] = json!([[]]);
        file
    };
    let schema = sync_configuration_schema();
    let base = json!({
        "apiVersion": "sync.k1s.io/v1alpha1", "kind": "SyncConfiguration", "options": {"api": {}, "guard": {}},
        "sources": [{"name": "a", "plugin": "../fs", "kinds": {}, "namespaces": {}, "guard": {}, "namespaceMapping": {}}],
    });
    let parts = [
        ("", &schema),
        ("/options", &schema["$defs"]["Options"]),
        ("/options/api", &schema["$defs"]["Api"]),
        ("/options/guard", &schema["$defs"]["Guard"]),
        ("/sources/0", &schema["$defs"]["Source"]),
        ("/sources/0/guard", &schema["$defs"]["Guard"]),
        ("/sources/0/kinds", &schema["$defs"]["Filter"]),
        ("/sources/0/namespaces", &schema["$defs"]["Filter"]),
    ];
    for (pointer, part) in parts {
        property_names(part)
            .iter()
            .for_each(|field| assert_known(&with(base.clone(), pointer, field), field));
    }
    let base =
        json!({"apiVersion": "sync.k1s.io/v1alpha1", "kind": "SourcePlugin", "name": "none", "command": "../fs"});
    for field in property_names(&source_plugin_schema()) {
        place.write("plugins.d/p.yaml", &with(base.clone(), "", &field).to_string());
        let found = place.refusal(&[], "--plugin none");
        assert!(
            !found.contains("unknown field") && found.contains("expected "),
            "{field}: {found}"
        );
    }
}

/// Set `UPDATE_SCHEMAS` to write the files anew.
#[test]
fn the_committed_schemas_are_those_of_the_code() {
    for (name, schema) in [
        ("syncconfiguration", sync_configuration_schema()),
        ("sourceplugin", source_plugin_schema()),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schema/{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap();
        assert!(
            committed == text,
            "{name}.json is not what the code says; run this test with UPDATE_SCHEMAS=1"
        );
    }
}
