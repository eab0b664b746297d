//! What the files of a folder declare, read without a source and without a host.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use k1s_object::Key;
use k1s_yaml::{Limits, documents};
use serde_json::{Map, Value};

/// Where objects of namespaced kinds go that name no namespace.
const DEFAULT_NAMESPACE: &str = "default";
/// The kinds of generated trees that are in no namespace.
const CLUSTER_SCOPED: [&str; 3] = ["Namespace", "CustomResourceDefinition", "ClusterRole"];
/// Metadata that only a server writes.
const SERVED: [&str; 4] = ["uid", "resourceVersion", "generation", "creationTimestamp"];
/// What the annotations begin with that the host adds.
const BOOKKEEPING: &str = "sync.k1s.io/";

/// The objects of a folder by key, each as its file says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folder {
    /// The objects.
    pub objects: BTreeMap<Key, Value>,
}

impl Folder {
    /// Reads every YAML and JSON file below `root`; names that begin with a dot are passed over.
    ///
    /// # Errors
    /// When a file cannot be read, or two of them declare the same object.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut folder = Self::default();
        let mut pending = vec![root.to_path_buf()];
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))? {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if name.starts_with('.') {
                    continue;
                }
                if path.is_dir() {
                    pending.push(path);
                } else if name.ends_with(".yaml") || name.ends_with(".json") {
                    folder
                        .add(&fs::read(&path)?)
                        .with_context(|| path.display().to_string())?;
                }
            }
        }
        Ok(folder)
    }

    fn add(&mut self, text: &[u8]) -> anyhow::Result<()> {
        for document in documents(text, &Limits::default()) {
            let value = document?.value;
            let items = match value.get("items").and_then(Value::as_array) {
                Some(items) if value.get("kind").and_then(Value::as_str) == Some("List") => items.clone(),
                Some(_) | None => vec![value],
            };
            for item in items {
                let (key, body) = portable(item)?;
                ensure!(self.objects.insert(key.clone(), body).is_none(), "{key} twice");
            }
        }
        Ok(())
    }
}

/// Splits an object, as a file declares it or as the API serves it, into its key and what is in it of both.
///
/// # Errors
/// When it is no object, or has no name or kind.
pub fn portable(mut object: Value) -> anyhow::Result<(Key, Value)> {
    let text = |pointer: &str| {
        let text = object.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("no {pointer} in {object}"))
    };
    let (api_version, kind, name) = (text("/apiVersion")?, text("/kind")?, text("/metadata/name")?);
    let namespace = match CLUSTER_SCOPED.contains(&&*kind) {
        true => String::new(),
        false => text("/metadata/namespace").unwrap_or_else(|_none| DEFAULT_NAMESPACE.to_owned()),
    };
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let key = Key::new(group, &kind, &namespace, &name);
    let metadata = object.pointer_mut("/metadata").and_then(Value::as_object_mut);
    let metadata = metadata.with_context(|| format!("{key} has no metadata"))?;
    metadata.retain(|field, _| !SERVED.contains(&field.as_str()));
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
    annotations
        .into_iter()
        .for_each(|map| map.retain(|name, _| !name.starts_with(BOOKKEEPING)));
    if metadata
        .get("annotations")
        .and_then(Value::as_object)
        .is_some_and(Map::is_empty)
    {
        metadata.remove("annotations");
    }
    Ok((key, object))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_declaration_and_what_is_served_of_it_are_the_same() {
        let declared = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
        let mut served = declared.clone();
        served["metadata"] = json!({
            "name": "a", "namespace": "default", "uid": "u", "resourceVersion": "3", "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {"sync.k1s.io/source": "files"},
        });
        let (key, body) = portable(declared).unwrap();
        assert_eq!(key, Key::new("", "ConfigMap", "default", "a"));
        assert_eq!(portable(served.clone()).unwrap(), (key.clone(), body.clone()));
        served["data"]["x"] = "2".into();
        assert_ne!(portable(served).unwrap(), (key, body));
    }

    #[test]
    fn every_document_of_a_folder_is_read() {
        let tree = crate::tree::Tree::new(7, 300);
        let root = tempfile::tempdir().unwrap();
        tree.write(root.path()).unwrap();
        let folder = Folder::read(root.path()).unwrap();
        let in_default = |key: &Key| match &*key.namespace {
            "" if !CLUSTER_SCOPED.contains(&&*key.group_kind.kind) => Key::new(
                &key.group_kind.group,
                &key.group_kind.kind,
                DEFAULT_NAMESPACE,
                &key.name,
            ),
            _ => key.clone(),
        };
        assert!(
            folder.objects.keys().cloned().eq(tree
                .keys()
                .iter()
                .map(in_default)
                .collect::<std::collections::BTreeSet<_>>())
        );
    }
}
