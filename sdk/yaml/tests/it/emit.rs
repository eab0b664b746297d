//! What is printed: equal to sigs.k8s.io/yaml's Marshal, and the same value when read back.

use k1s_yaml::{EmitError, Limits, parse, to_string};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fixtures::fixture;

#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "in")]
    value: Value,
    out: String,
    /// Go cannot read its own JSON, which it does on the way.
    #[serde(default)]
    refused: bool,
}

/// Where Go's text means something else than the value, and why.
const DEVIATIONS: [(&str, &str); 3] = [
    (
        "\u{85}",
        "Go reads its own JSON as YAML on the way, where a raw NEL is a line break: a space, or an error in a key",
    ),
    ("\"<<\":", "Go prints the key plain, which reads back as a merge"),
    (
        "\\n\u{2028}",
        "Go prints a block, whose last line Kubernetes' reader of streams ends with a line feed",
    ),
];

#[test]
fn every_value_is_printed_as_go_prints_it() {
    let mut met = [false; DEVIATIONS.len()];
    let mut count = 0;
    for line in fixture("emit").lines() {
        let expected: Printed = serde_json::from_str(line).unwrap();
        let printed = to_string(&expected.value).unwrap();
        count += 1;
        if !expected.refused && printed == expected.out {
            continue;
        }
        let text = expected.value.to_string();
        let deviation = DEVIATIONS.iter().position(|(part, _)| text.contains(part));
        let deviation =
            deviation.unwrap_or_else(|| panic!("{text}\n  theirs {:?}\n  ours   {printed:?}", expected.out));
        met[deviation] = true;
    }
    assert!(count > 500, "the fixture is there");
    assert_eq!(met, [true; DEVIATIONS.len()], "each deviation still occurs");
}

fn read_back(value: &Value) -> Value {
    let text = to_string(value).unwrap();
    match parse(text.as_bytes(), &Limits::default()) {
        Ok(document) => document.value,
        Err(error) if text == "null\n" => {
            assert_eq!(error.kind.code(), "no-document");
            Value::Null
        }
        Err(error) => panic!("{error}: {text:?}"),
    }
}

#[test]
fn every_fixture_reads_back() {
    for line in fixture("emit").lines() {
        let Printed { value, .. } = serde_json::from_str(line).unwrap();
        let read = read_back(&value);
        assert_eq!(to_string(&read), to_string(&value), "{line}");
    }
}

#[test]
fn nesting_has_the_limit_of_reading() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    assert!(to_string(&nested(64)).is_ok());
    assert_eq!(to_string(&nested(65)), Err(EmitError::TooDeep));
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(
            [
                "a", " ", "  ", "\n", "\t", "\r", ":", "#", "-", "'", "\"", "\\", "{", "]", ",", "&", "|", "%", "0",
                "1.5", "yes", "~"
            ]
            .map(str::to_owned)
            .to_vec()
        ),
        "\\PC{1,3}",
        "[\u{0}-\u{1f}\u{7f}-\u{a0}\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}]",
        "[a-z ]{60,100}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        (-1e9..1e9f64)
            .prop_filter("integers come back as such", |float| float.fract() != 0.0)
            .prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_reads_back(value in value()) {
        prop_assert_eq!(read_back(&value), value);
    }
}
