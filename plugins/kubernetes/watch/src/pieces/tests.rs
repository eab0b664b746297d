use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const LIMIT: usize = 4096;

fn cut(text: &[u8], size: usize) -> Result<(Vec<Value>, Envelope), PiecesError> {
    let mut pieces = Pieces::new(LIMIT);
    let mut objects = Vec::new();
    for mut chunk in text.chunks(size) {
        while let Some(object) = pieces.next(&mut chunk)? {
            objects.push(serde_json::from_slice(&object).unwrap());
        }
    }
    Ok((objects, pieces.finish()?))
}

#[test]
fn a_list_is_cut_at_every_size_of_chunk() {
    let items = json!([
        {"metadata": {"name": "a"}, "data": {"x": "}],{ \"items\":[ \\", "items": [{"y": []}]}},
        {"items": [1, {"items": []}], "é": "\u{1F600}\\\""},
        {}
    ]);
    let list = json!({
        "apiVersion": "v1", "items": items, "kind": "PodList",
        "metadata": {"continue": "abc", "items": ["no"], "remainingItemCount": 7, "resourceVersion": "12"},
    });
    let pretty = serde_json::to_string_pretty(&list).unwrap();
    for text in [list.to_string(), pretty + "\n"] {
        for size in 1..text.len() {
            let (objects, envelope) = cut(text.as_bytes(), size).unwrap();
            assert_eq!(Value::Array(objects), list["items"], "{size}");
            let Metadata {
                resource_version,
                after,
                remaining_item_count,
            } = envelope.metadata;
            assert_eq!(
                (&*resource_version, &*after, remaining_item_count),
                ("12", "abc", Some(7))
            );
        }
    }
}

#[test]
fn a_list_may_be_empty_and_say_little() {
    for text in [
        r#"{"metadata":{"resourceVersion":"3"},"items":[]}"#,
        r#"{"metadata":{"resourceVersion":"3","continue":""},"items":null}"#,
    ] {
        let (objects, envelope) = cut(text.as_bytes(), 5).unwrap();
        assert_eq!((objects.len(), &*envelope.metadata.resource_version), (0, "3"));
        assert_eq!(envelope.metadata.after, "");
    }
}

#[test]
fn what_is_not_a_whole_list_is_refused_at_every_byte() {
    let whole = r#"{"items":[{"a":"b"}],"metadata":{"resourceVersion":"3"}}"#;
    for end in 0..whole.len() {
        assert!(
            matches!(cut(&whole.as_bytes()[..end], 7), Err(PiecesError::Cut)),
            "{end}"
        );
    }
    for wrong in [format!("{whole}{{}}"), "]".to_owned()] {
        assert!(matches!(cut(wrong.as_bytes(), 7), Err(PiecesError::Cut)), "{wrong}");
    }
    for wrong in [
        "{\"items\":[]}",
        r#"{"metadata":{"resourceVersion":"3"}}"#,
        "[]",
        "{\"metadata\":1}",
        "{nonsense}",
    ] {
        assert!(
            matches!(cut(wrong.as_bytes(), 7), Err(PiecesError::Shape(_))),
            "{wrong}"
        );
    }
}

#[test]
fn only_objects_are_listed() {
    for wrong in ["1", "\"a\"", "null", "{},true"] {
        let text = format!(r#"{{"items":[{wrong}],"metadata":{{}}}}"#);
        assert!(matches!(cut(text.as_bytes(), 7), Err(PiecesError::Scalar)), "{wrong}");
    }
}

#[test]
fn limits_hold_before_anything_beyond_them_is_kept() {
    let long = format!(r#"{{"items":[{{"a":"{}"}}]}}"#, "x".repeat(LIMIT));
    assert!(matches!(
        cut(long.as_bytes(), 100),
        Err(PiecesError::Object { limit: LIMIT })
    ));
    let wide = format!(r#"{{"other":"{}"}}"#, "x".repeat(ENVELOPE_BYTES));
    assert!(matches!(cut(wide.as_bytes(), 1000), Err(PiecesError::Envelope)));
    let deep = "[".repeat(2000);
    assert!(matches!(cut(deep.as_bytes(), 1000), Err(PiecesError::Depth)));
}

/// JSON objects of some depth, with texts that look like structure.
fn object() -> impl Strategy<Value = Value> {
    let text = prop_oneof![Just("items".to_owned()), "[\\\\\"{}\\[\\],:a-c]{0,6}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        text.clone().prop_map(Value::from)
    ];
    let value = leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    });
    prop::collection::btree_map("[a-c\"]{0,3}", value, 0..4).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_list_comes_out_as_it_went_in(objects in prop::collection::vec(object(), 0..5), size in 1_usize..40) {
        let list = json!({"a": {"items": [1]}, "items": objects, "metadata": {"resourceVersion": "1"}});
        for text in [list.to_string(), serde_json::to_string_pretty(&list).unwrap()] {
            let (found, _) = cut(text.as_bytes(), size).unwrap();
            prop_assert_eq!(&Value::Array(found), &list["items"]);
        }
    }

    #[test]
    fn no_bytes_make_it_fail_otherwise(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..40) {
        drop(cut_any(&bytes, size));
    }
}

fn cut_any(bytes: &[u8], size: usize) -> Result<Envelope, PiecesError> {
    let mut pieces = Pieces::new(LIMIT);
    for mut chunk in bytes.chunks(size) {
        while pieces.next(&mut chunk)?.is_some() {}
    }
    pieces.finish()
}
