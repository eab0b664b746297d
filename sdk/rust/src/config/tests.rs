//! Configurations that fit, and where they do not.

use std::path::PathBuf;

use serde::Deserialize;

use super::*;
use crate::Secret;

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only reading is tested")]
struct Config {
    #[schemars(extend("x-k1s-path" = "read"))]
    path: PathBuf,
    #[serde(default)]
    depth: u8,
    #[serde(default)]
    auth: Option<Auth>,
    #[serde(default)]
    mirrors: Vec<Auth>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Auth {
    user: String,
    token: Secret,
}

fn read_with(config: &str, secrets: &[(&str, &'static [u8])]) -> Result<Config, Vec<(String, String)>> {
    let secrets = secrets
        .iter()
        .map(|(pointer, value)| ((*pointer).to_owned(), Bytes::from_static(value)))
        .collect();
    read(config.as_bytes(), &secrets).map_err(|diagnostics| {
        let pair = |diagnostic: &Diagnostic| (diagnostic.pointer().to_owned(), diagnostic.summary().to_owned());
        diagnostics.iter().map(pair).collect()
    })
}

#[test]
fn errors_point_to_their_place() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("", &[("", "missing field `path`")]),
        ("[]", &[("", "the configuration must be a map")]),
        (
            "{",
            &[("", "the configuration is not JSON: Eof error at line 1, column 1")],
        ),
        (
            r#"{"path": 5}"#,
            &[("/path", "invalid type: integer `5`, expected path string")],
        ),
        (
            r#"{"path": "p", "depth": 300}"#,
            &[("/depth", "invalid value: integer `300`, expected u8")],
        ),
        (
            r#"{"path": "p", "dept": 3, "a/b": 1}"#,
            &[("/a~1b", "unknown field `a/b`"), ("/dept", "unknown field `dept`")],
        ),
        (
            r#"{"path": "p", "mirrors": [{}, {"user": "u", "pass": "x"}]}"#,
            &[("/mirrors/1/pass", "unknown field `pass`")],
        ),
        (
            r#"{"path": "p", "mirrors": [{}, {"user": []}]}"#,
            &[("/mirrors/1/user", "invalid type: sequence, expected a string")],
        ),
    ];
    for (config, expected) in cases {
        let found = read_with(config, &[]).expect_err(config);
        let found: Vec<_> = found
            .iter()
            .map(|(pointer, summary)| (pointer.as_str(), summary.as_str()))
            .collect();
        assert_eq!(found, *expected, "{config}");
    }
    let found = read::<Config>(br#"{"path": "p", "dept": 3}"#, &BTreeMap::new()).unwrap_err();
    let wire = found.into_iter().next().unwrap().into_wire(|text| text);
    assert_eq!(wire.suggestion, "known fields: auth, depth, labels, mirrors, path");
}

#[test]
fn maps_with_free_keys_take_any() {
    let config = read_with(r#"{"path": "p", "labels": {"a": "b", "c": "d"}}"#, &[]).unwrap();
    assert_eq!(config.labels.len(), 2);
}

#[test]
fn secrets_stand_where_their_pointers_say() {
    let secrets: &[(&str, &[u8])] = &[("/auth/token", b"t0"), ("/mirrors/0/token", b"t1")];
    let config = read_with(r#"{"path": "p", "mirrors": [{"user": "u"}]}"#, secrets).unwrap();
    assert_eq!(config.auth.as_ref().unwrap().token.expose(), "t0");
    assert_eq!(config.mirrors[0].token.expose(), "t1");
    assert!(!format!("{config:?}").contains("t0"));
    let misplaced: &[(&str, &[u8])] = &[
        ("/mirrors/7/token", b"t"),
        ("/path/x", b"t"),
        ("/token", b"\xff"),
        ("x", b"t"),
    ];
    let pointers: Vec<String> = read_with(r#"{"path": "p", "mirrors": []}"#, misplaced)
        .unwrap_err()
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    assert_eq!(pointers, ["/mirrors/7/token", "/path/x", "/token", "x"]);
}

#[test]
fn the_schema_carries_the_extensions() {
    let schema = schema_of::<Config>();
    let schema = schema.as_value();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["path"]["x-k1s-path"], "read");
    assert_eq!(schema["$defs"]["Auth"]["properties"]["token"]["x-k1s-secret"], true);
}
