//! The annotations this project reads and writes.

use serde_json::{Map, Value};

/// Prefix of this project's annotations.
pub const BOOKKEEPING_PREFIX: &str = "sync.k1s.io/";
/// Ending of the prefix of another form of the same keys: `{instance-id}.sync.k1s.io/{property}`.
const INSTANCE_SUFFIX: &str = ".sync.k1s.io";
/// What the host records about an object, and so never content.
const PROPERTIES: [&str; 7] = [
    "source",
    "source-type",
    "last-sync",
    "content-hash",
    "generation",
    "instance-id",
    "source-path",
];

/// Whether an annotation records what a host did, in any of the documented forms: `sync.k1s.io/{property}`,
/// `sync.k1s.io/{instance-id}/{property}` and `{instance-id}.sync.k1s.io/{property}`. Control keys are content.
#[must_use]
pub fn is_bookkeeping(key: &str) -> bool {
    let Some((prefix, rest)) = key.split_once('/') else {
        return false;
    };
    if prefix.ends_with(INSTANCE_SUFFIX) {
        return PROPERTIES.contains(&rest);
    }
    let property = rest.split_once('/').map_or(rest, |(_instance, property)| property);
    key.starts_with(BOOKKEEPING_PREFIX) && PROPERTIES.contains(&property)
}

/// Whether source changes are applied to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconcile {
    /// As usual.
    Enabled,
    /// Every source change is withheld and every prune held.
    Disabled,
}

/// Whether an object may be pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneRule {
    /// As usual.
    Allowed,
    /// Always held until a person approves.
    Confirm,
    /// Never.
    Disabled,
}

/// The control annotations of one object; an unknown value means the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlAnnotations {
    /// `sync.k1s.io/reconcile: disabled`.
    pub reconcile: Reconcile,
    /// `sync.k1s.io/prune: disabled|confirm`.
    pub prune: PruneRule,
}

impl ControlAnnotations {
    /// Reads them from an object's body.
    #[must_use]
    pub fn of(body: &Value) -> Self {
        let annotations = body.pointer("/metadata/annotations").and_then(Value::as_object);
        Self {
            reconcile: reconcile(annotations),
            prune: prune(annotations),
        }
    }
}

fn reconcile(annotations: Option<&Map<String, Value>>) -> Reconcile {
    match control(annotations, "reconcile") {
        Some("disabled") => Reconcile::Disabled,
        Some(_) | None => Reconcile::Enabled,
    }
}

fn prune(annotations: Option<&Map<String, Value>>) -> PruneRule {
    match control(annotations, "prune") {
        Some("disabled") => PruneRule::Disabled,
        Some("confirm") => PruneRule::Confirm,
        Some(_) | None => PruneRule::Allowed,
    }
}

fn control<'a>(annotations: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a str> {
    annotations?.get(&format!("{BOOKKEEPING_PREFIX}{name}"))?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bookkeeping_is_told_from_control() {
        for (key, expected) in [
            ("sync.k1s.io/source", true),
            ("sync.k1s.io/dev-1/content-hash", true),
            ("dev-1.sync.k1s.io/last-sync", true),
            ("a.b.sync.k1s.io/source-path", true),
            ("sync.k1s.io/prune", false),
            ("sync.k1s.io/depends-on", false),
            ("sync.k1s.io/requestedAt", false),
            ("dev-1.sync.k1s.io/other", false),
            ("example.com/source", false),
            ("source", false),
        ] {
            assert_eq!(is_bookkeeping(key), expected, "{key}");
        }
    }

    #[test]
    fn control_annotations_default_on_anything_unknown() {
        let body = |reconcile: &str, prune: &str| json!({"metadata": {"annotations": {"sync.k1s.io/reconcile": reconcile, "sync.k1s.io/prune": prune}}});
        let read = |reconcile, prune| ControlAnnotations::of(&body(reconcile, prune));
        assert_eq!(read("disabled", "confirm").reconcile, Reconcile::Disabled);
        assert_eq!(read("disabled", "confirm").prune, PruneRule::Confirm);
        assert_eq!(read("x", "disabled").prune, PruneRule::Disabled);
        assert_eq!(ControlAnnotations::of(&json!({})).prune, PruneRule::Allowed);
        assert_eq!(read("x", "y").reconcile, Reconcile::Enabled);
    }
}
