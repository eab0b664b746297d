//! Hostile input: limits hold, nothing panics, and JSON is what another reader of JSON says.

use k1s_yaml::{Limits, documents, from_document, to_string};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::fixtures::{fixture, inputs};

fn codes(input: &[u8], limits: &Limits) -> Vec<&'static str> {
    documents(input, limits)
        .map(|document| document.map_or_else(|error| error.kind.code(), |_| "ok"))
        .collect()
}

#[test]
fn each_limit_holds_at_its_value() {
    let limits = Limits {
        bytes: 64,
        documents: 3,
        depth: 2,
        nodes: 12,
        alias_nodes: 4,
        alias_bytes: 8,
    };
    let cases: &[(&str, &[&str])] = &[
        (&"#".repeat(64), &[]),
        (&"#".repeat(65), &["too-large"]),
        ("1\n---\n2\n---\n3\n", &["ok", "ok", "ok"]),
        (
            "1\n---\n2\n---\n3\n---\n4\n---\n5\n",
            &["ok", "ok", "ok", "too-many-documents"],
        ),
        ("---\n---\n---\n---\n---\n---\n---\n", &["too-many-documents"]),
        ("{}{}{}{}{}", &["ok", "ok", "ok", "too-many-documents"]),
        (
            "--- x\n--- x\n--- x\n--- x\n",
            &["separator", "separator", "separator", "too-many-documents"],
        ),
        ("[[1]]", &["ok"]),
        ("[[[1]]]\n---\n1", &["too-deep", "ok"]),
        ("{\"a\":{\"b\":[]}}{}", &["too-deep", "ok"]),
        ("[1,2,3,4,5,6,7,8,9,a,b]", &["ok"]),
        ("[1,2,3,4,5,6,7,8,9,a,b,c]\n---\n1", &["too-many-nodes", "ok"]),
        ("{a: 1, b: 2, c: 3, d: 4, e: 5, f}", &["too-many-nodes"]),
        ("- &a [1]\n- [*a]\n", &["too-deep"]),
        ("- &a {<<: {<<: {b: 1}}}\n", &["too-deep"]),
        ("- &a [1]\n- *a\n- *a\n", &["ok"]),
        ("- &a [1]\n- *a\n- *a\n- *a\n", &["alias-bomb"]),
        ("- &a abcd\n- *a\n- *a\n", &["ok"]),
        ("- &a abcd\n- *a\n- *a\n- *a\n", &["alias-bomb"]),
    ];
    for (input, expected) in cases {
        assert_eq!(codes(input.as_bytes(), &limits), *expected, "{input:?}");
    }
}

#[test]
fn bombs_are_refused_before_they_cost() {
    let billion = |levels: usize| {
        let mut text = "l0: &l0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..=levels {
            let below = format!("*l{},", level - 1).repeat(10);
            text += &format!("l{level}: &l{level} [{below}]\n");
        }
        text
    };
    let wide = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(1000));
    let anchors: String =
        (0..60).map(|level| format!("&a{level} [")).collect::<String>() + &"1,".repeat(200_000) + &"]".repeat(60);
    let limits = Limits::default();
    let cases: &[(&str, &[&str])] = &[
        (&billion(9), &["alias-bomb"]),
        (&wide, &["alias-bomb"]),
        (&(anchors + "\n# *\n"), &["ok"]),
        (&format!("[{}]", "{a: 1},".repeat(1_000_000)), &["too-many-nodes"]),
        (&"[".repeat(1_000_000), &["too-deep"]),
        (&"{a: ".repeat(500_000), &["too-deep"]),
        (&"- ".repeat(500_000), &["too-deep"]),
        (&"? ".repeat(500_000), &["key-type"]),
        (&format!("{{\"a\":{}", "[".repeat(1_000_000)), &["too-deep"]),
        (&"---\n".repeat(1_000_000), &["too-many-documents"]),
        (&"a: \"\\'\"\n---\n".repeat(50_000), &["ok"; 50_000]),
    ];
    for (input, expected) in cases {
        assert_eq!(codes(input.as_bytes(), &limits), *expected, "{}", &input[..30]);
    }
}

#[test]
fn apostrophes_are_escaped_as_in_go_up_to_a_limit() {
    let many = format!("[{}]", r#""a\'b \\\' 'c\'", 'd\', "#.repeat(500));
    let document = documents(many.as_bytes(), &Limits::default()).next().unwrap().unwrap();
    assert_eq!(document.value[998], r"a'b \' 'c'");
    assert_eq!(document.value[999], r"d\");
    let costly = format!("[{}]", r#""\'","#.repeat(1_000_000));
    assert_eq!(
        codes(costly.as_bytes(), &Limits::default()),
        ["syntax"],
        "read again at most a few times"
    );
}

/// How many mutants are read; more where the build is fast.
const MUTANTS: u32 = if cfg!(debug_assertions) { 20_000 } else { 400_000 };

#[test]
fn mutated_bytes_never_panic() {
    let seeds: Vec<Vec<u8>> = inputs("traps")
        .chain(inputs("syntax"))
        .chain(inputs("mutations"))
        .collect();
    let config = Config {
        cases: MUTANTS,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let change = (
        any::<prop::sample::Index>(),
        prop_oneof![
            any::<u8>(),
            prop::sample::select(b"\n \t:-#'\"\\[]{},&*!|>%?@\r~<".to_vec())
        ],
        0..4u8,
    );
    let mutants = (prop::sample::select(seeds), prop::collection::vec(change, 1..6));
    let limits = Limits::default();
    runner
        .run(&mutants, |(mut bytes, changes)| {
            for (at, byte, how) in changes {
                let at = at.index(bytes.len() + 1);
                match how {
                    0 => bytes.insert(at, byte),
                    1 => bytes.truncate(at),
                    2 if at < bytes.len() => bytes[at] = byte,
                    _ if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.push(byte),
                }
            }
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            for document in documents(&bytes, &limits) {
                match document {
                    Ok(document) => {
                        prop_assert!(document.line as usize <= lines && document.column > 0);
                        prop_assert_eq!(from_document::<Value>(&document).unwrap(), document.value.clone());
                        prop_assert!(document.locate("").is_some());
                        prop_assert!(to_string(&document.value).is_ok());
                    }
                    Err(error) => {
                        prop_assert!(error.line as usize <= lines && error.column > 0, "{error}");
                        prop_assert!(error.kind.code() != "too-large");
                    }
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn printed_values_of_every_fixture_read_back() {
    let limits = Limits::default();
    for input in inputs("traps").chain(inputs("mutations")) {
        for document in documents(&input, &limits)
            .flatten()
            .filter(|document| !document.value.is_null())
        {
            let text = to_string(&document.value).unwrap();
            let again: Vec<_> = documents(text.as_bytes(), &limits)
                .map(|document| document.unwrap().value)
                .collect();
            assert_eq!(again, [document.value], "{text}");
        }
    }
    assert!(!fixture("traps").is_empty());
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (-1e300..1e300f64).prop_map(|number| format!("{number:e}")),
        "\"([a-z ]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-f]{2}|\\PC){0,6}\"",
        prop::sample::select(vec![
            "true", "false", "null", "1.5", "-0.5", "tru", "01", "[", "\"", "\\", "-", "1.", ".5", "{"
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {}]", items.join(" ,\n"))),
            prop::collection::vec(inner, 0..4).prop_map(|items| {
                let entries: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(key, item)| format!("\"k{key}\"\t: {item}"))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(Config { cases: 3000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn json_is_what_serde_json_says(inner in json_text()) {
        let text = format!("{{\"a\":{inner}}}");
        let expected: Result<Value, _> = serde_json::from_str(&text);
        let mut read = documents(text.as_bytes(), &Limits::default());
        match (expected, read.next()) {
            (Ok(expected), Some(Ok(document))) => {
                let same = to_string(&document.value) == to_string(&expected);
                prop_assert!(same, "{} {}", document.value, expected);
            }
            (Ok(expected), read) => prop_assert!(false, "{expected} is read as {read:?}"),
            // What is not JSON may be YAML still; the fixtures know.
            (Err(_), _) => {}
        }
    }
}
