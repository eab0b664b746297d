//! `limits.json` and `src/limits.rs` say the same.

use std::collections::BTreeMap;
use std::time::Duration;

use k1s_source_proto::limits::*;

const JSON: &str = include_str!("../../limits.json");
const SOURCE: &str = include_str!("../../src/limits.rs");

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

#[test]
fn the_file_for_other_languages_holds_every_constant() {
    let constants: BTreeMap<String, u64> = [
        ("batch_bytes", BATCH_BYTES as u64),
        ("batch_events", BATCH_EVENTS as u64),
        ("connection_window_bytes", u64::from(CONNECTION_WINDOW_BYTES)),
        ("frame_bytes", u64::from(FRAME_BYTES)),
        ("heartbeat_ms", millis(HEARTBEAT)),
        ("known_entries", KNOWN_ENTRIES as u64),
        ("lifeline_ms", millis(LIFELINE)),
        ("linger_ms", millis(LINGER)),
        ("message_bytes", MESSAGE_BYTES as u64),
        ("nonce_bytes", NONCE_BYTES as u64),
        ("object_bytes", OBJECT_BYTES as u64),
        ("object_depth", OBJECT_DEPTH as u64),
        ("scope_bytes", SCOPE_BYTES as u64),
        ("socket_path_bytes", SOCKET_PATH_BYTES as u64),
        ("source_version_bytes", SOURCE_VERSION_BYTES as u64),
        ("stream_window_bytes", u64::from(STREAM_WINDOW_BYTES)),
        ("token_bytes", TOKEN_BYTES as u64),
        ("window_bytes", WINDOW_BYTES as u64),
        ("window_deletes", WINDOW_DELETES as u64),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let file: BTreeMap<String, u64> = serde_json::from_str(JSON).unwrap();
    assert_eq!(file, constants);
    assert_eq!(
        SOURCE.matches("pub const ").count(),
        constants.len(),
        "a constant is missing here"
    );
}

#[test]
fn the_manual_names_the_limits_an_author_meets() {
    let manual = include_str!("../../k1s/source/v1/source.proto");
    let limits = manual
        .split("// Limits")
        .nth(1)
        .unwrap()
        .split("// Five rules")
        .next()
        .unwrap();
    for phrase in [
        format!("message {} MiB", MESSAGE_BYTES >> 20),
        format!("batch {BATCH_EVENTS} events or {} MiB", BATCH_BYTES >> 20),
        format!("object {} MiB of JSON", OBJECT_BYTES >> 20),
        format!("{OBJECT_DEPTH} levels deep"),
        format!("token {} KiB", TOKEN_BYTES >> 10),
        format!("source_version {SOURCE_VERSION_BYTES} bytes"),
        format!("scope id {SCOPE_BYTES} bytes"),
        format!("Known {KNOWN_ENTRIES} entries"),
        format!(
            "window of several batches {WINDOW_DELETES} deletes or {} MiB",
            WINDOW_BYTES >> 20
        ),
        format!("linger {} ms", millis(LINGER)),
    ] {
        let words = |text: &str| text.replace("//", "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(limits).contains(&phrase), "{phrase}");
    }
}
