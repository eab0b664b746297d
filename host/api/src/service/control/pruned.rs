//! Which objects a prune is about.

use std::sync::Arc;

use http::Response;
use k1s_store::reader::PrunedObject;
use k1s_store::{Reader, StoreError};

use super::{Target, post};
use crate::object::{API_VERSION, ObjectRef, PrunedObjectList, PrunedObjectRef};
use crate::service::blocking::attempting;
use crate::service::failure::Failure;
use crate::service::{Body, Parts, answer};

/// Answers with the objects of a prune by key.
pub(super) async fn objects(parts: &Arc<Parts>, name: &str) -> Result<Response<Body>, Failure> {
    let target = Target::prune(name);
    let prune = post::prune(target)?;
    let reader = parts.reader.clone();
    let found = attempting(move || {
        let prune = reader.prune(&prune)?;
        Reader::pruned_objects(&reader, &prune)
    });
    let objects = found.await?.map_err(|error| match error {
        StoreError::Command(refused) => target.misdirected(&refused),
        failed => failed.into(),
    })?;
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
        origin: object
            .provenance
            .map(|provenance| format!("{}:{}", provenance.path, provenance.line)),
    }
}
