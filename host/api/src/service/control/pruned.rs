//! Which objects a prune is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Response;
use k1s_store::Reader;
use k1s_store::reader::PrunedObject;
use k1s_sync_engine::event::Provenance;

use super::{Target, post};
use crate::object::{API_VERSION, ObjectRef, PrunedObjectList, PrunedObjectRef};
use crate::service::blocking::attempting;
use crate::service::failure::Failure;
use crate::service::{Body, Parts, answer};

/// How local places begin in a provenance.
const LOCAL: &str = "file://";

/// Answers with the objects of a prune by key.
pub(super) async fn objects(parts: &Arc<Parts>, name: &str) -> Result<Response<Body>, Failure> {
    let target = Target::prune(name);
    let prune = post::prune(target)?;
    let reader = parts.reader.clone();
    let found = attempting(move || {
        let prune = reader.prune(&prune)?;
        Reader::pruned_objects(&reader, &prune)
    });
    let objects = found.await?.map_err(|error| target.failed(error))?;
    answer::json(&PrunedObjectList {
        api_version: API_VERSION.to_owned(),
        kind: "PrunedObjectList".to_owned(),
        items: objects.into_iter().map(item).collect(),
    })
}

fn item(object: PrunedObject) -> PrunedObjectRef {
    PrunedObjectRef {
        object: ObjectRef::from(&object.key),
        uid: object.uid.to_string(),
        origin: object.provenance.as_ref().map(origin),
    }
}

/// Where something was read, as a person opens it: a file by its whole path.
fn origin(provenance: &Provenance) -> String {
    let Provenance { uri, path, line, .. } = provenance;
    let place = match uri.strip_prefix(LOCAL) {
        Some(root) => whole(root, path),
        None if path.is_empty() => uri.to_string(),
        None => path.to_string(),
    };
    if *line == 0 { place } else { format!("{place}:{line}") }
}

fn whole(root: &str, path: &str) -> String {
    // By components, because joining an empty path leaves a slash behind a file's name.
    let joined: PathBuf = Path::new(root).join(path).components().collect();
    joined.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_person_opens() {
        for (uri, path, line, expected) in [
            (
                "file:///srv/manifests",
                "shop/cart.yaml",
                14,
                "/srv/manifests/shop/cart.yaml:14",
            ),
            ("file:///srv/one.yaml", "", 2, "/srv/one.yaml:2"),
            ("file:///srv", "a.yaml", 0, "/srv/a.yaml"),
            (
                "https://example.com/repository",
                "shop/cart.yaml",
                3,
                "shop/cart.yaml:3",
            ),
            ("https://example.com/all.yaml", "", 3, "https://example.com/all.yaml:3"),
        ] {
            let provenance = Provenance {
                uri: uri.into(),
                path: path.into(),
                line,
                ..Provenance::default()
            };
            assert_eq!(origin(&provenance), expected);
        }
    }
}
