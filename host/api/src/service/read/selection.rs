//! Which objects of a collection are meant: label and field selectors together.

use serde_json::Value;

use super::definition::Definition;
use crate::selector::{FieldSelector, LabelSelector, text_at};
use crate::service::failure::Failure;
use crate::service::request::ResourceCall;

/// Fields that can be selected of every kind.
const OF_EVERY_KIND: [&str; 2] = ["metadata.name", "metadata.namespace"];

/// Further fields of built-in kinds, by group and kind: those that k8s.io/kubernetes/pkg/apis/*/v1/conversion.go
/// registers under the path they have in objects.
const OF_KINDS: &[(&str, &str, &[&str])] = &[
    (
        "",
        "Event",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "type",
        ],
    ),
    (
        "events.k8s.io",
        "Event",
        &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
    ),
    (
        "",
        "Pod",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
    ),
    ("", "Secret", &["type"]),
    ("", "Namespace", &["status.phase"]),
    ("", "Node", &["spec.unschedulable"]),
    ("", "ReplicationController", &["status.replicas"]),
    ("apps", "ReplicaSet", &["status.replicas"]),
    ("certificates.k8s.io", "CertificateSigningRequest", &["spec.signerName"]),
];

/// What a field that was left out says, where an API server would have filled it in.
const LEFT_OUT: &[(&str, &str, &str, &str)] = &[
    ("", "Namespace", "status.phase", "Active"),
    ("", "Secret", "type", "Opaque"),
    ("", "Pod", "spec.restartPolicy", "Always"),
    ("", "Pod", "spec.schedulerName", "default-scheduler"),
    ("", "Pod", "spec.hostNetwork", "false"),
    ("", "Node", "spec.unschedulable", "false"),
];

/// Says which objects are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    labels: LabelSelector,
    fields: FieldSelector,
    left_out: Vec<(&'static str, &'static str)>,
}

impl Selection {
    /// Reads the selectors of a request.
    ///
    /// # Errors
    /// 400 for what is none, and for fields that cannot be selected.
    pub(super) fn read(call: &ResourceCall, definition: Option<&Definition>) -> Result<Self, Failure> {
        let refused = |error: &dyn std::error::Error| Failure::bad_request(error.to_string());
        let labels = call.query.label_selector().unwrap_or_default();
        let fields = call.query.field_selector().unwrap_or_default();
        let (group, kind) = (call.resource.group(), call.resource.kind());
        let further = OF_KINDS.iter().filter(|(of, named, _)| *of == group && *named == kind);
        let further: Vec<&str> = further.flat_map(|(_, _, fields)| *fields).copied().collect();
        let known = |field: &str| {
            OF_EVERY_KIND.contains(&field)
                || further.contains(&field)
                || definition.is_some_and(|definition| definition.selects(field))
        };
        let left_out = LEFT_OUT.iter().filter(|(of, named, ..)| *of == group && *named == kind);
        Ok(Self {
            labels: labels.parse().map_err(|error| refused(&error))?,
            fields: FieldSelector::read(fields, known).map_err(|error| refused(&error))?,
            left_out: left_out.map(|(_, _, field, says)| (*field, *says)).collect(),
        })
    }

    /// Whether an object is meant.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        self.labels.matches(label) && self.fields.matches(|field| self.field(object, field))
    }

    fn field(&self, object: &Value, field: &str) -> Box<str> {
        let text = text_at(object, field);
        let left_out = self.left_out.iter().find(|(name, _)| text.is_empty() && *name == field);
        left_out.map_or(text, |(_, says)| (*says).into())
    }

    /// Whether an object that is meant always will be.
    pub(super) fn is_constant(&self) -> bool {
        self.labels.is_empty() && self.fields.is_constant()
    }

    /// Whether every object is meant.
    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The one name that can be meant, where there is only one.
    pub(super) fn only_name(&self) -> Option<&str> {
        self.fields.only_name()
    }
}
