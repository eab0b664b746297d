//! The objects of the stream: ConfigMaps of 1,500 bytes of JSON each, made from their number.
//!
//! The replaying source and the bare stream send the same events of them; a test holds the two together.

use k1s_source_proto::v1;
use sha2::{Digest as _, Sha256};

/// Bytes of JSON of every object.
pub const OBJECT_BYTES: usize = 1_500;
/// Objects that share a namespace.
const OBJECTS_PER_NAMESPACE: u64 = 200;
/// What the data is written with.
const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// The name of an object.
#[must_use]
pub fn name(number: u64) -> String {
    format!("replayed-{number:08}")
}

/// The namespace of an object.
#[must_use]
pub fn namespace(number: u64) -> String {
    format!("team-{:05}", number / OBJECTS_PER_NAMESPACE)
}

/// Where an object is said to be read.
#[must_use]
pub fn path(number: u64) -> String {
    format!("{}/{}.json", namespace(number), name(number))
}

/// The object's bytes as they travel: compact, keys sorted.
#[must_use]
pub fn json(number: u64) -> String {
    let mut text = String::with_capacity(OBJECT_BYTES);
    let end = format!(
        r#""}},"kind":"ConfigMap","metadata":{{"name":"{}","namespace":"{}"}}}}"#,
        name(number),
        namespace(number)
    );
    text.push_str(r#"{"apiVersion":"v1","data":{"settings":""#);
    text.extend(letters(number).take(OBJECT_BYTES - end.len() - text.len()));
    text.push_str(&end);
    text
}

/// Letters without end, always the same for a number.
pub(crate) fn letters(number: u64) -> impl Iterator<Item = char> {
    let states = std::iter::successors(Some(next(number)), |state| Some(next(*state)));
    // Ten letters of six bits each.
    states.flat_map(|state| {
        (0..10).map(move |place| char::from(LETTERS[(state >> (6 * place)) as usize % LETTERS.len()]))
    })
}

/// The step of SplitMix64 (Steele, Lea, Flood 2014).
fn next(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The event that declares an object, as the SDK sends it.
#[must_use]
pub fn event(number: u64) -> v1::Event {
    let object = json(number).into_bytes();
    let content_hash = Sha256::digest(&object).to_vec().into();
    v1::Event {
        key: Some(v1::Key {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: namespace(number),
            name: name(number),
        }),
        provenance: Some(v1::Provenance {
            path: path(number),
            line: 1,
            column: 1,
            ..v1::Provenance::default()
        }),
        source_version: String::new(),
        change: Some(v1::event::Change::Upsert(v1::Upsert {
            object: object.into(),
            content_hash,
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn objects_have_their_size_and_their_form_and_are_all_different() {
        let mut seen = BTreeSet::new();
        for number in [0, 1, 199, 200, 99_999, 999_999, 99_999_999] {
            let text = json(number);
            assert_eq!(text.len(), OBJECT_BYTES);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value.to_string(), text, "compact, sorted");
            let key = event(number).key.unwrap();
            assert_eq!(value["metadata"]["name"], key.name);
            assert_eq!(value["metadata"]["namespace"], key.namespace);
            let data = value["data"]["settings"].as_str().unwrap().to_owned();
            assert!(seen.insert(data), "{number}");
        }
    }
}
