//! The example manifests: readable, and with what their README promises.

use std::collections::BTreeSet;

use anyhow::ensure;
use k1s_yaml::{Limits, documents};
use serde_json::Value;

use crate::workspace::texts;

const MANIFESTS: &str = "examples/manifests/";
const MIN_KINDS: usize = 15;

/// The objects in order of their files' paths, and the number of documents that are none.
fn objects() -> anyhow::Result<(Vec<Value>, usize)> {
    let mut objects = Vec::new();
    let mut ignored = 0;
    for (_, text) in texts()?.iter().filter(|(path, _)| path.starts_with(MANIFESTS)) {
        for document in documents(text.as_bytes(), &Limits::default()) {
            let value = document?.value;
            match value["kind"].as_str() {
                None | Some("Kustomization") => ignored += 1,
                Some("List") => objects.extend(value["items"].as_array().into_iter().flatten().cloned()),
                Some(_) => objects.push(value),
            }
        }
    }
    Ok((objects, ignored))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn examples_are_what_their_readme_says() -> anyhow::Result<()> {
    let (objects, ignored) = objects()?;
    ensure!(ignored == 2, "{ignored} documents are ignored, not two");

    let kinds: BTreeSet<&str> = objects.iter().map(|object| text(object, "/kind")).collect();
    ensure!(kinds.len() >= MIN_KINDS, "only {} kinds", kinds.len());

    let identity =
        |object| ["/apiVersion", "/kind", "/metadata/namespace", "/metadata/name"].map(|at| text(object, at));
    let mut seen = BTreeSet::new();
    for object in &objects {
        ensure!(
            !identity(object)[3].is_empty() && seen.insert(identity(object)),
            "{:?} twice or without a name",
            identity(object)
        );
    }

    let position = |kind: &str| objects.iter().position(|object| text(object, "/kind") == kind);
    for (resource, definition) in [
        ("Product", "products.shop.example.com"),
        ("Region", "regions.shop.example.com"),
    ] {
        let defined = objects
            .iter()
            .position(|object| text(object, "/metadata/name") == definition);
        ensure!(
            position(resource).is_some() && position(resource) < defined,
            "{resource} comes after its definition"
        );
    }

    let is_namespace = |object: &&Value| text(object, "/kind") == "Namespace";
    let declared: BTreeSet<&str> = objects
        .iter()
        .filter(is_namespace)
        .map(|object| text(object, "/metadata/name"))
        .collect();
    let used: BTreeSet<&str> = objects
        .iter()
        .map(|object| text(object, "/metadata/namespace"))
        .collect();
    let undeclared: Vec<_> = used.difference(&declared).filter(|name| !name.is_empty()).collect();
    ensure!(
        undeclared == [&"reports"],
        "namespaces declared nowhere: {undeclared:?}"
    );
    Ok(())
}
