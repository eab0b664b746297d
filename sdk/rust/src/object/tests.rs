//! What documents are judged to be, by table.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn judged(value: Value) -> Vec<Verdict> {
    judge(value, &ObjectLimits::default())
}

/// Says a verdict in a few words.
fn say(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Object(object) => {
            let Key {
                group,
                kind,
                namespace,
                name,
            } = &object.key;
            format!("{group}/{kind} {namespace}/{name}")
        }
        Verdict::Ignored(ignore) => format!("{ignore:?}"),
        Verdict::Failed { key, problem } => {
            let key = key.as_ref().map(|key| format!(" {}", key.name)).unwrap_or_default();
            format!("{:?}{key}: {problem}", problem.code())
        }
    }
}

fn said(value: Value) -> Vec<String> {
    judged(value).iter().map(say).collect()
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

#[test]
fn keys_are_what_the_document_says() {
    let cases = [
        (map("a"), "/ConfigMap /a"),
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n"}}),
            "apps/Deployment n/a",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": null}}),
            "/Pod /a",
        ),
        (
            json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "a"}}),
            "kustomize.toolkit.fluxcd.io/Kustomization /a",
        ),
        (
            json!({"apiVersion": "x.io/v1", "kind": "AllowList", "metadata": {"name": "a"}, "items": [1]}),
            "x.io/AllowList /a",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(said(value.clone()), [expected], "{value}");
    }
}

#[test]
fn what_is_not_meant_for_a_cluster_is_ignored() {
    let cases = [
        json!(null),
        json!("text"),
        json!(7),
        json!([map("a")]),
        json!({}),
        json!({"replicaCount": 1}),
        json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": []}),
        json!({"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}),
        json!({"kind": "Kustomization", "resources": []}),
        json!({"apiVersion": "v2", "name": "chart", "version": "1.0.0"}),
        json!({"apiVersion": "v1", "name": "chart", "version": "1.0.0"}),
        json!({"apiVersion": "v1", "kind": "List", "items": []}),
        json!({"apiVersion": "v1", "kind": "ConfigMapList", "items": null}),
    ];
    for value in cases {
        assert_eq!(
            judged(value.clone()),
            [Verdict::Ignored(Ignore::NotAnObject)],
            "{value}"
        );
    }
}

#[test]
fn what_is_half_an_object_fails() {
    let cases = [
        (json!({"apiVersion": "v1"}), "DataInvalid: kind is missing"),
        (
            json!({"apiVersion": "v3", "name": "x", "version": "1"}),
            "DataInvalid: kind is missing",
        ),
        (json!({"kind": "Pod"}), "DataInvalid: apiVersion is missing"),
        (
            json!({"apiVersion": 1, "kind": "Pod"}),
            "DataInvalid: apiVersion must be a text that is not empty",
        ),
        (
            json!({"apiVersion": "v1", "kind": ""}),
            "DataInvalid: kind must be a text that is not empty",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod"}),
            "DataInvalid: metadata.name is missing",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": []}),
            "DataInvalid: metadata must be a map",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}}),
            "DataInvalid: metadata.name is missing",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}}),
            "DataInvalid: metadata.generateName cannot be synced: give the object a metadata.name",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 8080}}),
            "DataInvalid: metadata.name must be a text that is not empty",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": true}}),
            "DataInvalid: metadata.namespace must be a text",
        ),
        (map(&"n".repeat(5000)), "DataInvalid: the key is longer than 4096 bytes"),
        (
            map("a\0b"),
            "DataInvalid: apiVersion, kind, name and namespace may not contain NUL",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(said(value.clone()), [expected], "{value}");
    }
}

#[test]
fn lists_are_their_items() {
    let nested = json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [
        map("a"),
        {"apiVersion": "v1", "kind": "SecretList", "items": [{"metadata": {"name": "s"}}, map("b")]},
        {"metadata": {"name": "typeless"}},
    ]});
    let expected = ["/ConfigMap /a", "/Secret /s", "/ConfigMap /b", "NotAnObject"];
    assert_eq!(said(nested), expected);
}

#[test]
fn sizes_and_depths_are_limits_and_not_errors() {
    let limits = ObjectLimits { bytes: 100, depth: 4 };
    let object = |data: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": data});
    let frame = object(json!("")).to_string().len();
    let verdict = |data| say(&judge(object(data), &limits)[0]);
    assert_eq!(verdict(json!("x".repeat(100 - frame))), "/Pod /a");
    let too_large = "TooLarge a: the object has 101 bytes of JSON, more than 100";
    assert_eq!(verdict(json!("x".repeat(101 - frame))), too_large);
    assert_eq!(verdict(json!([[["x"]]])), "/Pod /a");
    assert_eq!(verdict(json!([[[[]]]])), "TooLarge a: nested deeper than 4 levels");
}

#[test]
fn bytes_are_compact_and_sorted() {
    let value: Value = serde_json::from_str(
        r#"{ "metadata": {"name":"a"}, "kind":"Pod", "é": 1, "z": [1.50, 18446744073709551615, "\u00e9"], "apiVersion":"v1" }"#,
    )
    .unwrap();
    let Verdict::Object(object) = judged(value).remove(0) else {
        panic!("not an object")
    };
    let expected =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"z":[1.5,18446744073709551615,"é"],"é":1}"#;
    assert_eq!(object.json, expected.as_bytes());
    assert_eq!(object.hash, <[u8; 32]>::from(Sha256::digest(expected)));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Zé/]{0,6}".prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("apiVersion".to_owned()),
        Just("kind".to_owned()),
        Just("metadata".to_owned()),
        Just("name".to_owned()),
        Just("items".to_owned()),
        "[a-z]{1,4}",
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn anything_gets_a_verdict_and_objects_keep_their_content(value in any_value()) {
        let verdicts = judged(value.clone());
        prop_assert!(!verdicts.is_empty());
        for verdict in verdicts {
            if let Verdict::Object(object) = verdict {
                let read: Value = serde_json::from_slice(&object.json).unwrap();
                prop_assert!(read.to_string().as_bytes() == object.json);
                prop_assert_eq!(&read["kind"], object.key.kind.as_str());
                prop_assert_eq!(&read["metadata"]["name"], object.key.name.as_str());
            }
        }
    }
}
