//! `fixtures/digest.json`: made here, verified by a second implementation, and held to what this crate computes.
//!
//! `K1S_WRITE_FIXTURES=1 cargo test -p k1s-source-proto` writes the file again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use k1s_source_proto::SnapshotDigest;
use k1s_source_proto::v1::Key;
use serde_json::{Value, json};

const WRITE_VARIABLE: &str = "K1S_WRITE_FIXTURES";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn key(group: &str, kind: &str, namespace: &str, name: &str) -> Value {
    json!({"group": group, "kind": kind, "namespace": namespace, "name": name})
}

/// A hash that any byte order, truncation or sign error changes.
fn hash(seed: usize) -> String {
    (0..32usize)
        .map(|index| format!("{:02x}", (seed * 37 + index * 11 + 128) % 256))
        .collect()
}

fn upsert(key: &Value, seed: usize) -> Value {
    json!({"change": "upsert", "key": key, "content_hash": hash(seed)})
}

fn seen(key: &Value, version: &str) -> Value {
    json!({"change": "seen", "key": key, "source_version": version})
}

fn keyed(change: &str, key: &Value) -> Value {
    json!({"change": change, "key": key})
}

fn keyless(change: &str) -> Value {
    json!({"change": change})
}

fn single_events() -> Vec<(&'static str, Vec<Value>)> {
    let map = key("", "ConfigMap", "shop", "settings");
    vec![
        ("no events", vec![]),
        ("one upsert", vec![upsert(&map, 0)]),
        ("one delete", vec![keyed("delete", &map)]),
        ("one seen", vec![seen(&map, "etag-1")]),
        ("one ignored without key", vec![keyless("ignored")]),
        ("one ignored with key", vec![keyed("ignored", &map)]),
        ("one failed without key", vec![keyless("failed")]),
        ("one failed with key", vec![keyed("failed", &map)]),
        ("seen with an empty version", vec![seen(&map, "")]),
        ("seen with a version of 128 bytes", vec![seen(&map, &"v".repeat(128))]),
        (
            "a hash of zeros",
            vec![json!({"change": "upsert", "key": map, "content_hash": "00".repeat(32)})],
        ),
        (
            "a hash of high bytes",
            vec![json!({"change": "upsert", "key": map, "content_hash": "ff".repeat(32)})],
        ),
    ]
}

fn keys() -> Vec<(&'static str, Vec<Value>)> {
    let cases = [
        ("a key of empty parts", key("", "", "", "")),
        ("a grouped key", key("apps", "Deployment", "shop", "cart")),
        (
            "a cluster-scoped key",
            key("rbac.authorization.k8s.io", "ClusterRole", "", "reader"),
        ),
        (
            "unicode is counted in bytes",
            key("", "ConfigMap", "größe", "日本語-🚀"),
        ),
        (
            "decomposed unicode is another key",
            key("", "ConfigMap", "gro\u{308}ße", "e\u{301}"),
        ),
        (
            "control characters and zero bytes",
            key("", "Config\u{0}Map", "a\nb", "\u{1}\"\\\u{7f}"),
        ),
        ("a name of 253 bytes", key("", "ConfigMap", "shop", &"n".repeat(253))),
        (
            "a name of 300 bytes needs two bytes of length",
            key("", "ConfigMap", "shop", &"é".repeat(150)),
        ),
        (
            "a name of 70,000 bytes needs three bytes of length",
            key("", "ConfigMap", "", &"x".repeat(70_000)),
        ),
    ];
    cases
        .into_iter()
        .map(|(name, key)| (name, vec![upsert(&key, 3)]))
        .collect()
}

fn sequences() -> Vec<(&'static str, Vec<Value>)> {
    let one = key("", "ConfigMap", "a", "bc");
    let other = key("", "ConfigMap", "ab", "c");
    let many = |index: usize| match index % 5 {
        0 => upsert(&key("", "Secret", "many", &format!("s-{index}")), index),
        1 => seen(
            &key("apps", "Deployment", "many", &format!("d-{index}")),
            &format!("{index}/300"),
        ),
        2 => keyless("ignored"),
        3 => keyed("failed", &key("", "Service", "many", &format!("f-{index}"))),
        _ => keyed("delete", &key("batch", "Job", "many", &format!("j-{index}"))),
    };
    vec![
        ("parts do not run together", vec![upsert(&one, 1)]),
        ("parts do not run together, the other way", vec![upsert(&other, 1)]),
        ("order counts", vec![upsert(&one, 1), upsert(&other, 2)]),
        ("order counts, the other way", vec![upsert(&other, 2), upsert(&one, 1)]),
        ("one key twice", vec![upsert(&one, 1), upsert(&one, 1)]),
        (
            "a delete after its upsert",
            vec![upsert(&one, 1), keyed("delete", &one)],
        ),
        (
            "every change once",
            vec![
                upsert(&one, 1),
                keyed("delete", &other),
                seen(&one, "1"),
                keyless("ignored"),
                keyed("failed", &other),
            ],
        ),
        ("three hundred events", (0..300).map(many).collect()),
    ]
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn unhex(text: &str) -> [u8; 32] {
    let bytes: Vec<u8> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

fn add(digest: &mut SnapshotDigest, event: &Value) {
    let key = event.get("key").map(|key| Key {
        group: text(key, "group").to_owned(),
        kind: text(key, "kind").to_owned(),
        namespace: text(key, "namespace").to_owned(),
        name: text(key, "name").to_owned(),
    });
    match (text(event, "change"), key) {
        ("upsert", Some(key)) => digest.upsert(&key, &unhex(text(event, "content_hash"))),
        ("delete", Some(key)) => digest.delete(&key),
        ("seen", Some(key)) => digest.seen(&key, text(event, "source_version")),
        ("ignored", key) => digest.ignored(key.as_ref()),
        ("failed", key) => digest.failed(key.as_ref()),
        (change, key) => panic!("{change} with {key:?}"),
    }
}

fn case(name: &str, events: Vec<Value>) -> Value {
    let mut digest = SnapshotDigest::new();
    events.iter().for_each(|event| add(&mut digest, event));
    let counts = digest.counts();
    let hex: String = digest.finish().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "name": name,
        "events": events,
        "counts": {
            "upserts": counts.upserts,
            "deletes": counts.deletes,
            "seen": counts.seen,
            "ignored": counts.ignored,
            "failed": counts.failed,
        },
        "digest": hex,
    })
}

fn file() -> String {
    let cases: Vec<Value> = [single_events(), keys(), sequences()]
        .into_iter()
        .flatten()
        .map(|(name, events)| case(name, events))
        .collect();
    let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
    format!("{{\"cases\": [\n{}\n]}}\n", lines.join(",\n"))
}

#[test]
fn the_fixtures_are_what_this_crate_computes() {
    let path = fixtures().join("digest.json");
    if env::var_os(WRITE_VARIABLE).is_some() {
        fs::write(&path, file()).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == file(),
        "{WRITE_VARIABLE}=1 writes them again"
    );
}

#[test]
fn every_case_has_a_digest_of_its_own() {
    let value: Value = serde_json::from_str(&file()).unwrap();
    let mut digests: Vec<&str> = value["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| text(case, "digest"))
        .collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), value["cases"].as_array().unwrap().len());
    assert!(digests.len() >= 20);
}

#[test]
fn a_second_implementation_agrees() {
    let output = Command::new("python3")
        .arg(fixtures().join("digest.py"))
        .arg(fixtures().join("digest.json"))
        .output()
        .expect("python3 is a required tool");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.ends_with("29 digests agree\n"), "{said}");
}
