//! Strict decoding: what fits, and the exact place of what does not.

use std::collections::BTreeMap;

use k1s_yaml::{DecodeErrorKind, Limits, from_document, parse};
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    name: String,
    #[serde(default)]
    retries: Option<u8>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    limits: BTreeMap<String, Limit>,
    #[serde(default)]
    ratio: f64,
    #[serde(default)]
    pair: Option<(u8, String)>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    #[default]
    Fast,
    Slow,
    #[serde(rename_all = "camelCase")]
    Custom {
        step_size: u32,
    },
    Named(String),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Limit {
    max_bytes: Bytes,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "u64")]
struct Bytes(u64);

impl TryFrom<u64> for Bytes {
    type Error = String;

    fn try_from(bytes: u64) -> Result<Self, String> {
        if bytes == 0 {
            Err("must be at least 1 byte".to_owned())
        } else {
            Ok(Self(bytes))
        }
    }
}

#[test]
fn what_fits_is_decoded() {
    let input = "name: x\nretries: 3\npaths: [a, b]\nmode: {custom: {stepSize: 2}}\nlimits: {a: {maxBytes: 1}}\nratio: 2\npair: [1, x]\n";
    let config: Config = from_document(&parse(input.as_bytes(), &Limits::default()).unwrap()).unwrap();
    let expected = Config {
        name: "x".to_owned(),
        retries: Some(3),
        paths: vec!["a".to_owned(), "b".to_owned()],
        mode: Mode::Custom { step_size: 2 },
        limits: BTreeMap::from([("a".to_owned(), Limit { max_bytes: Bytes(1) })]),
        ratio: 2.0,
        pair: Some((1, "x".to_owned())),
    };
    assert_eq!(config, expected);
    let config: Config =
        from_document(&parse(b"{name: x, retries: ~, mode: slow}", &Limits::default()).unwrap()).unwrap();
    assert_eq!((config.retries, config.mode), (None, Mode::Slow));
}

/// Each input with pointer, line, column and message.
const MISFITS: &[(&str, &str, u32, u32, &str)] = &[
    (
        "name: x\nretrys: 1\n",
        "/retrys",
        2,
        1,
        "unknown field `retrys`, expected one of `name`, `retries`, `paths`, `mode`, `limits`, `ratio`, `pair`",
    ),
    ("retries: 1\n", "", 1, 1, "missing field `name`"),
    ("# c\n\n  paths: []\n", "", 3, 3, "missing field `name`"),
    ("name: 5\n", "/name", 1, 7, "expected a string, found integer `5`"),
    ("name:\n", "/name", 1, 6, "expected a string, found nothing (null)"),
    ("name: yes\n", "/name", 1, 7, "expected a string, found boolean `true`"),
    ("name: [x]\n", "/name", 1, 7, "expected a string, found sequence"),
    (
        "name: x\nretries: -1\n",
        "/retries",
        2,
        10,
        "invalid value: integer `-1`, expected u8",
    ),
    (
        "name: x\nretries: 300\n",
        "/retries",
        2,
        10,
        "invalid value: integer `300`, expected u8",
    ),
    (
        "name: x\nretries: 1.5\n",
        "/retries",
        2,
        10,
        "expected u8, found floating point `1.5`",
    ),
    (
        "name: x\npaths:\n- a\n- b: c\n",
        "/paths/1",
        4,
        3,
        "expected a string, found map",
    ),
    (
        "name: x\npaths: a\n",
        "/paths",
        2,
        8,
        "expected a sequence, found string \"a\"",
    ),
    (
        "name: x\nmode: fest\n",
        "/mode",
        2,
        7,
        "unknown choice `fest`, expected one of `fast`, `slow`, `custom`, `named`",
    ),
    (
        "name: x\nmode:\n  custm: {}\n",
        "/mode/custm",
        3,
        3,
        "unknown choice `custm`, expected one of `fast`, `slow`, `custom`, `named`",
    ),
    (
        "name: x\nmode:\n  custom:\n    stepSize: big\n",
        "/mode/custom/stepSize",
        4,
        15,
        "expected u32, found string \"big\"",
    ),
    (
        "name: x\nmode: {custom: {}}\n",
        "/mode/custom",
        2,
        16,
        "missing field `stepSize`",
    ),
    (
        "name: x\nmode: {named: 1}\n",
        "/mode/named",
        2,
        15,
        "expected a string, found integer `1`",
    ),
    (
        "name: x\nmode: custom\n",
        "/mode",
        2,
        7,
        "expected struct variant Mode::Custom, found nothing (null)",
    ),
    (
        "name: x\nmode: 1\n",
        "/mode",
        2,
        7,
        "expected enum Mode, found integer `1`",
    ),
    (
        "name: x\nlimits:\n  a/b:\n    maxByte: 1\n",
        "/limits/a~1b/maxByte",
        4,
        5,
        "unknown field `maxByte`, expected `maxBytes`",
    ),
    (
        "name: x\nlimits:\n  a: {maxBytes: 0}\n",
        "/limits/a/maxBytes",
        3,
        17,
        "must be at least 1 byte",
    ),
    (
        "name: x\nlimits: {a: {}}\n",
        "/limits/a",
        2,
        13,
        "missing field `maxBytes`",
    ),
    (
        "name: x\npair: [1]\n",
        "/pair",
        2,
        7,
        "invalid length 1, expected a tuple of size 2",
    ),
    ("name: x\npair: [1, b,\n  c]\n", "/pair/2", 3, 3, "one item too many"),
    ("- name\n", "", 1, 1, "expected struct Config, found sequence"),
    (
        "{\n \"name\": \"x\",\n \"é\": 1}",
        "/é",
        3,
        2,
        "unknown field `é`, expected one of `name`, `retries`, `paths`, `mode`, `limits`, `ratio`, `pair`",
    ),
];

#[test]
fn what_does_not_fit_has_a_place() {
    for (input, pointer, line, column, message) in MISFITS {
        let document = parse(input.as_bytes(), &Limits::default()).unwrap();
        let error = from_document::<Config>(&document).expect_err(input);
        assert_eq!(
            (error.pointer.as_str(), error.line, error.column),
            (*pointer, *line, *column),
            "{input:?}: {error}"
        );
        assert_eq!(error.kind.to_string(), *message, "{input:?}");
    }
}

#[test]
fn unknown_names_come_with_the_known_ones() {
    let document = parse(b"limits: {a: {maxByte: 1}}", &Limits::default()).unwrap();
    let error = from_document::<Config>(&document).unwrap_err();
    let expected = DecodeErrorKind::UnknownField {
        field: "maxByte".to_owned(),
        expected: vec!["maxBytes"],
    };
    assert_eq!(error.kind, expected);
}
