//! A merge patch of a `Source`.
//!
//! Its `spec` mirrors the configuration, so only two things of it can be written: whether it is suspended, and the
//! annotation that asks for a listing. To take that annotation away asks for nothing, and it stays: the request was made.

use std::sync::Arc;

use http::Response;
use k1s_store::command::Command;
use k1s_sync_engine::id::SourceName;
use serde_json::Value;

use super::{Run, Target, merge, user};
use crate::control::{Order, RootRule, SyncOrder};
use crate::object::REQUESTED_AT;
use crate::service::body::Sent;
use crate::service::failure::{Cause, CauseReason, Failure};
use crate::service::{Body, Parts, accept, answer};

/// The only media type of a patch.
const MERGE_PATCH: &str = "application/merge-patch+json";
/// What carries the parameters of a patch in Kubernetes.
const OPTIONS: &str = "PatchOptions.meta.k8s.io";
/// The most fields that a refusal names.
const MAX_CAUSES: usize = 16;
/// The longest text that names a request to list, in bytes.
pub(super) const MAX_REQUEST_BYTES: usize = 256;

/// What a patch asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// What `spec.suspend` is to be, where it is to be another.
    suspend: Option<bool>,
    /// What the annotation is to be, where it is to be another.
    requested_at: Option<Box<str>>,
}

/// Patches a source.
///
/// # Errors
/// Why it is refused.
pub(crate) async fn patch(parts: &Arc<Parts>, name: &str, sent: &Sent) -> Result<Response<Body>, Failure> {
    let target = Target::source(name);
    accept::plain(&sent.headers)?;
    if sent.media_type().as_deref() != Some(MERGE_PATCH) {
        return Err(Failure::UnsupportedMediaType { accepted: MERGE_PATCH });
    }
    let run = Run::of(sent, OPTIONS)?;
    let user = user(sent, OPTIONS)?;
    let patch = decode(&sent.body)?;
    let source = target.source_name()?;
    let object = parts.board.get(&target.key()).ok_or_else(|| target.not_found())?.body;
    check_preconditions(target, &object, &patch)?;
    let patched = without_preconditions(merge::merged(&object, &patch), &object);
    let wanted = wanted(target, &object, &patched)?;
    if run == Run::Dry {
        return answer::json(&patched);
    }
    let Wanted { suspend, requested_at } = &wanted;
    for order in orders(&source, &wanted) {
        target.order(parts, order, &user).await?;
    }
    let shown = target.shown(&parts.board, |object| {
        suspend.is_none_or(|suspend| is_suspended(object) == suspend)
            && requested_at
                .as_deref()
                .is_none_or(|text| super::requested_at(object) == Some(text))
    });
    answer::json(&*shown.await?)
}

fn decode(body: &[u8]) -> Result<Value, Failure> {
    let patch: Value =
        serde_json::from_slice(body).map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    if patch.is_object() {
        Ok(patch)
    } else {
        Err(Failure::bad_request("error decoding patch: it is no JSON object"))
    }
}

/// A resource version or uid in a patch says which state it is meant for.
fn check_preconditions(target: Target<'_>, object: &Value, patch: &Value) -> Result<(), Failure> {
    let expected = |field: &str| {
        let text = patch.get("metadata")?.get(field)?.as_str()?;
        (!text.is_empty()).then_some(text)
    };
    let found = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    if let Some(uid) = expected("uid").filter(|uid| *uid != found("uid")) {
        let found = found("uid");
        return Err(target.conflict(format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {found}"
        )));
    }
    match expected("resourceVersion") {
        Some(version) if version != found("resourceVersion") => Err(target
            .conflict("the object has been modified; please apply your changes to the latest version and try again")),
        Some(_) | None => Ok(()),
    }
}

/// A patched object with what only said which state the patch is meant for put back.
fn without_preconditions(mut patched: Value, object: &Value) -> Value {
    if let Some(metadata) = patched.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "resourceVersion"] {
            let is_text = metadata.get(field).is_none_or(Value::is_string);
            if is_text {
                metadata.insert(field.to_owned(), object["metadata"][field].clone());
            }
        }
    }
    patched
}

fn wanted(target: Target<'_>, object: &Value, patched: &Value) -> Result<Wanted, Failure> {
    let mut wanted = Wanted {
        suspend: None,
        requested_at: None,
    };
    let mut causes = Vec::new();
    for path in merge::changed(object, patched) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["spec", "suspend"] => match patched.pointer("/spec/suspend") {
                None => wanted.suspend = Some(false),
                Some(Value::Bool(suspend)) => wanted.suspend = Some(*suspend),
                Some(other) => causes.push(Cause::new(
                    CauseReason::Invalid,
                    "spec.suspend",
                    format!("{other}: must be true or false"),
                )),
            },
            ["metadata", "annotations", REQUESTED_AT] => {
                match asked(&patched["metadata"]["annotations"][REQUESTED_AT]) {
                    Ok(text) => wanted.requested_at = text,
                    Err(why) => causes.push(Cause::new(CauseReason::Invalid, field(&path), why)),
                }
            }
            _ => causes.push(Cause::new(CauseReason::Forbidden, field(&path), way_out(&path))),
        }
    }
    // An emptied `spec` comes to nothing that differs from one without the switch.
    wanted.suspend = wanted.suspend.filter(|suspend| *suspend != is_suspended(object));
    if wanted.suspend == Some(true) && wanted.requested_at.is_some() {
        causes.push(Cause::new(
            CauseReason::Invalid,
            "spec.suspend",
            "true: a suspended source is not listed; ask for one or the other",
        ));
    }
    causes.truncate(MAX_CAUSES);
    if causes.is_empty() {
        Ok(wanted)
    } else {
        Err(target.invalid(causes))
    }
}

/// The text that asks for a listing; to take it away asks for none.
fn asked(value: &Value) -> Result<Option<Box<str>>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().ok_or_else(|| format!("{value}: must be text"))?;
    check_request(text)?;
    Ok(Some(text.into()))
}

/// Refuses a text that cannot name a request.
pub(super) fn check_request(text: &str) -> Result<(), String> {
    if text.is_empty() {
        Err("\"\": must not be empty; any text that is another one than before will do".to_owned())
    } else if text.len() > MAX_REQUEST_BYTES {
        Err(format!("may not be more than {MAX_REQUEST_BYTES} bytes"))
    } else if text.chars().any(char::is_control) {
        Err(format!("{text:?}: should only contain printable characters"))
    } else {
        Ok(())
    }
}

fn is_suspended(object: &Value) -> bool {
    object.pointer("/spec/suspend") == Some(&Value::Bool(true))
}

/// A path as Kubernetes writes it: keys of maps of a user's own in brackets.
fn field(path: &[&str]) -> String {
    match path {
        ["metadata", map @ ("annotations" | "labels"), key] => format!("metadata.{map}[{key}]"),
        path => path.join("."),
    }
}

fn way_out(path: &[&str]) -> &'static str {
    match path {
        ["spec", ..] => "the configuration says this; change it there",
        ["status", ..] => "the host says this; it cannot be changed",
        ["metadata", "annotations", ..] => "of the annotations only sync.k1s.io/requestedAt can be changed",
        _ => "it cannot be changed; only spec.suspend and the annotation sync.k1s.io/requestedAt can",
    }
}

/// What has to be done, in this order.
fn orders(source: &SourceName, wanted: &Wanted) -> Vec<Order> {
    let switched = wanted.suspend.map(|suspend| {
        let source = source.clone();
        Order::Command(if suspend {
            Command::Suspend { source }
        } else {
            Command::Resume { source }
        })
    });
    let sync = wanted.requested_at.clone().map(|requested_at| {
        Order::Sync(SyncOrder {
            source: source.clone(),
            requested_at,
            root: RootRule::Keep,
        })
    });
    switched.into_iter().chain(sync).collect()
}
