//! `--export`: an object without what only this store knows, its bookkeeping in a form that is valid elsewhere.

use k1s_object::{BOOKKEEPING_PREFIX, is_bookkeeping};
use serde_json::{Map, Value};

/// What the store adds to metadata.
const ADDED: [&str; 4] = ["uid", "resourceVersion", "generation", "creationTimestamp"];

/// Makes a served object one that another Kubernetes API takes: `sync.k1s.io/INSTANCE/PROPERTY` becomes
/// `INSTANCE.sync.k1s.io/PROPERTY`, other bookkeeping goes.
pub(super) fn make_portable(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    for field in ADDED {
        metadata.remove(field);
    }
    let Some(Value::Object(annotations)) = metadata.remove("annotations") else {
        return;
    };
    let annotations: Map<String, Value> = annotations
        .into_iter()
        .filter_map(|(key, value)| Some((portable_key(key)?, value)))
        .collect();
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), annotations.into());
    }
}

fn portable_key(key: String) -> Option<String> {
    if !is_bookkeeping(&key) {
        return Some(key);
    }
    let (instance, property) = key.strip_prefix(BOOKKEEPING_PREFIX)?.split_once('/')?;
    Some(format!("{instance}.{BOOKKEEPING_PREFIX}{property}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_others_may_know_leaves() {
        let mut object = json!({"metadata": {
            "name": "a", "uid": "u", "resourceVersion": "3", "generation": 1, "creationTimestamp": "t",
            "annotations": {
                "mine": "1", "sync.k1s.io/prune": "disabled", "sync.k1s.io/source": "s",
                "sync.k1s.io/instance-id": "host-1", "sync.k1s.io/host-1/source": "s",
            },
        }});
        make_portable(&mut object);
        let expected = json!({"metadata": {"name": "a", "annotations": {
            "mine": "1", "sync.k1s.io/prune": "disabled", "host-1.sync.k1s.io/source": "s",
        }}});
        assert_eq!(object, expected);
    }

    #[test]
    fn nothing_is_left_of_annotations_that_were_all_ours() {
        let mut object = json!({"metadata": {"name": "a", "annotations": {"sync.k1s.io/source": "s"}}});
        make_portable(&mut object);
        assert_eq!(object, json!({"metadata": {"name": "a"}}));
    }
}
