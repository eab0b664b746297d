//! The digest against the fixtures that bind every SDK.

use std::fs;
use std::path::Path;

use k1s_object::{ContentHash, DeclaredKey};
use k1s_sync_engine::digest::SnapshotDigest;
use k1s_sync_engine::event::{Change, Event, IgnoredCode, Provenance};
use k1s_sync_engine::id::SourceVersion;
use k1s_sync_engine::message::Counts;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use serde::Deserialize;

use crate::cast::{naive_counts, naive_digest};

#[derive(Deserialize)]
struct Fixtures {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    events: Vec<FixtureEvent>,
    counts: FixtureCounts,
    digest: String,
}

#[derive(Deserialize)]
struct FixtureCounts {
    upserts: u64,
    deletes: u64,
    seen: u64,
    ignored: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct FixtureEvent {
    change: String,
    key: Option<FixtureKey>,
    #[serde(default)]
    content_hash: String,
    #[serde(default)]
    source_version: String,
}

#[derive(Deserialize)]
struct FixtureKey {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn event(fixture: &FixtureEvent) -> Event {
    let key = fixture
        .key
        .as_ref()
        .map(|key| DeclaredKey::new(&key.group, &key.kind, &key.namespace, &key.name));
    let change = match fixture.change.as_str() {
        "upsert" => Change::Upsert {
            key: key.unwrap(),
            object: bytes::Bytes::new(),
            content_hash: ContentHash::from_slice(&bytes(&fixture.content_hash)).unwrap(),
        },
        "delete" => Change::Delete { key: key.unwrap() },
        "seen" => Change::Seen { key: key.unwrap() },
        "ignored" => Change::Ignored {
            key,
            code: IgnoredCode::Excluded,
        },
        "failed" => Change::Failed {
            key,
            problem: Problem::with_object(ProblemCode::DataInvalid, ""),
        },
        other => panic!("unknown change {other}"),
    };
    Event {
        change,
        provenance: Provenance::default(),
        source_version: SourceVersion::new(fixture.source_version.as_str()).unwrap(),
    }
}

#[test]
fn the_digest_is_the_one_every_sdk_computes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/fixtures/digest.json");
    let fixtures: Fixtures = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(fixtures.cases.len() >= 20, "fixtures are missing");
    for case in fixtures.cases {
        let events: Vec<_> = case.events.iter().map(event).collect();
        let mut digest = SnapshotDigest::new();
        events.iter().for_each(|event| digest.add(event));
        let counts = Counts {
            upserts: case.counts.upserts,
            deletes: case.counts.deletes,
            seen: case.counts.seen,
            ignored: case.counts.ignored,
            failed: case.counts.failed,
        };
        let expected: [u8; 32] = bytes(&case.digest).try_into().unwrap();
        assert_eq!((digest.counts(), digest.finish()), (counts, expected), "{}", case.name);
        assert_eq!(
            (naive_counts(&events), naive_digest(&events)),
            (counts, expected),
            "{}",
            case.name
        );
    }
}
