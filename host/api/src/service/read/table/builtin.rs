//! The columns of built-in kinds and of control kinds: what kubectl's users expect to see, as far as declared objects tell.
//!
//! Titles and order are those of k8s.io/kubernetes/pkg/printers/internalversion. A field that was left out shows what an
//! API server would have filled in.

use std::borrow::Cow;

use super::column::{Cell, Column, NONE, UNKNOWN, Width};
use super::said;
use crate::object::ControlKind;

/// Columns between name and age, and behind the age.
type Given = &'static [(&'static str, Width, Cell)];

use Width::{Narrow, Wide};

const SELECTOR: (&str, Width, Cell) = ("Selector", Wide, Cell::Selector("/spec/selector"));
const CONTAINERS: (&str, Width, Cell) = (
    "Containers",
    Wide,
    Cell::Each("/spec/template/spec/containers", "/name"),
);
const IMAGES: (&str, Width, Cell) = ("Images", Wide, Cell::Each("/spec/template/spec/containers", "/image"));
const ROLE: (&str, Width, Cell) = ("Role", Narrow, Cell::Said(said::role));
const CREATED: (&str, Width, Cell) = ("Created At", Narrow, Cell::Text("/metadata/creationTimestamp", UNKNOWN));
const STORAGE_CLASS: (&str, Width, Cell) = ("StorageClass", Narrow, Cell::Text("/spec/storageClassName", ""));

/// What built-in kinds show beside name and age.
const OF_KINDS: &[(&str, &str, Given)] = &[
    (
        "",
        "ConfigMap",
        &[("Data", Narrow, Cell::Count(&["/data", "/binaryData"]))],
    ),
    (
        "",
        "Secret",
        &[
            ("Type", Narrow, Cell::Text("/type", "Opaque")),
            ("Data", Narrow, Cell::Count(&["/data", "/stringData"])),
        ],
    ),
    (
        "",
        "Namespace",
        &[("Status", Narrow, Cell::Text("/status/phase", "Active"))],
    ),
    ("", "ServiceAccount", &[("Secrets", Narrow, Cell::Count(&["/secrets"]))]),
    (
        "",
        "Service",
        &[
            ("Type", Narrow, Cell::Text("/spec/type", "ClusterIP")),
            ("Cluster-IP", Narrow, Cell::Text("/spec/clusterIP", NONE)),
            ("External-IP", Narrow, Cell::Said(said::external_addresses)),
            ("Port(s)", Narrow, Cell::Said(said::service_ports)),
            ("Selector", Wide, Cell::Pairs("/spec/selector")),
        ],
    ),
    (
        "",
        "Pod",
        &[
            ("Ready", Narrow, Cell::Said(said::ready_containers)),
            ("Status", Narrow, Cell::Text("/status/phase", UNKNOWN)),
            ("Node", Wide, Cell::Text("/spec/nodeName", NONE)),
        ],
    ),
    (
        "",
        "PersistentVolumeClaim",
        &[
            ("Status", Narrow, Cell::Text("/status/phase", UNKNOWN)),
            ("Volume", Narrow, Cell::Text("/spec/volumeName", "")),
            ("Capacity", Narrow, Cell::Text("/status/capacity/storage", "")),
            ("Access Modes", Narrow, Cell::Said(said::access_modes)),
            STORAGE_CLASS,
        ],
    ),
    (
        "",
        "PersistentVolume",
        &[
            ("Capacity", Narrow, Cell::Text("/spec/capacity/storage", "")),
            ("Access Modes", Narrow, Cell::Said(said::access_modes)),
            (
                "Reclaim Policy",
                Narrow,
                Cell::Text("/spec/persistentVolumeReclaimPolicy", "Retain"),
            ),
            ("Status", Narrow, Cell::Text("/status/phase", UNKNOWN)),
            STORAGE_CLASS,
        ],
    ),
    (
        "apps",
        "Deployment",
        &[
            ("Ready", Narrow, SHARE),
            ("Up-to-date", Narrow, Cell::Number("/status/updatedReplicas", 0)),
            ("Available", Narrow, Cell::Number("/status/availableReplicas", 0)),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    ("apps", "StatefulSet", &[("Ready", Narrow, SHARE), CONTAINERS, IMAGES]),
    (
        "apps",
        "ReplicaSet",
        &[
            ("Desired", Narrow, Cell::Number("/spec/replicas", 1)),
            ("Current", Narrow, Cell::Number("/status/replicas", 0)),
            ("Ready", Narrow, Cell::Number("/status/readyReplicas", 0)),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "apps",
        "DaemonSet",
        &[
            ("Desired", Narrow, Cell::Number("/status/desiredNumberScheduled", 0)),
            ("Current", Narrow, Cell::Number("/status/currentNumberScheduled", 0)),
            ("Ready", Narrow, Cell::Number("/status/numberReady", 0)),
            ("Up-to-date", Narrow, Cell::Number("/status/updatedNumberScheduled", 0)),
            ("Available", Narrow, Cell::Number("/status/numberAvailable", 0)),
            ("Node Selector", Narrow, Cell::Pairs("/spec/template/spec/nodeSelector")),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "batch",
        "Job",
        &[
            (
                "Completions",
                Narrow,
                Cell::Share {
                    of: "/status/succeeded",
                    wanted: "/spec/completions",
                },
            ),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "batch",
        "CronJob",
        &[
            ("Schedule", Narrow, Cell::Text("/spec/schedule", "")),
            ("Timezone", Narrow, Cell::Text("/spec/timeZone", NONE)),
            ("Suspend", Narrow, Cell::Text("/spec/suspend", "False")),
            ("Active", Narrow, Cell::Count(&["/status/active"])),
            ("Last Schedule", Narrow, Cell::Age("/status/lastScheduleTime", NONE)),
        ],
    ),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        &[
            ("Reference", Narrow, Cell::Said(said::scaled)),
            ("MinPods", Narrow, Cell::Number("/spec/minReplicas", 1)),
            ("MaxPods", Narrow, Cell::Number("/spec/maxReplicas", 0)),
            ("Replicas", Narrow, Cell::Number("/status/currentReplicas", 0)),
        ],
    ),
    (
        "policy",
        "PodDisruptionBudget",
        &[
            ("Min Available", Narrow, Cell::Text("/spec/minAvailable", "N/A")),
            ("Max Unavailable", Narrow, Cell::Text("/spec/maxUnavailable", "N/A")),
            (
                "Allowed Disruptions",
                Narrow,
                Cell::Number("/status/disruptionsAllowed", 0),
            ),
        ],
    ),
    (
        "networking.k8s.io",
        "Ingress",
        &[
            ("Class", Narrow, Cell::Text("/spec/ingressClassName", NONE)),
            ("Hosts", Narrow, Cell::Said(said::hosts)),
            ("Address", Narrow, Cell::Said(said::balanced)),
            ("Ports", Narrow, Cell::Said(said::ingress_ports)),
        ],
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        &[("Pod-Selector", Narrow, Cell::Selector("/spec/podSelector"))],
    ),
    ("rbac.authorization.k8s.io", "Role", &[CREATED]),
    ("rbac.authorization.k8s.io", "ClusterRole", &[CREATED]),
    ("rbac.authorization.k8s.io", "RoleBinding", &[ROLE]),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", &[ROLE]),
    ("apiextensions.k8s.io", "CustomResourceDefinition", &[CREATED]),
    (
        "storage.k8s.io",
        "StorageClass",
        &[
            ("Provisioner", Narrow, Cell::Text("/provisioner", "")),
            ("ReclaimPolicy", Narrow, Cell::Text("/reclaimPolicy", "Delete")),
            (
                "VolumeBindingMode",
                Narrow,
                Cell::Text("/volumeBindingMode", "Immediate"),
            ),
        ],
    ),
];

const SHARE: Cell = Cell::Share {
    of: "/status/readyReplicas",
    wanted: "/spec/replicas",
};

const SOURCES: Given = &[
    ("Ready", Narrow, Cell::Said(said::readiness)),
    ("Objects", Narrow, Cell::Number("/status/objects", 0)),
    ("Pending", Narrow, Cell::Number("/status/pending", 0)),
    ("Failed", Narrow, Cell::Number("/status/failed", 0)),
    ("Last Change", Narrow, Cell::Age("/status/lastChange", NONE)),
    ("Note", Narrow, Cell::Said(said::note)),
    ("Plugin", Wide, Cell::Text("/spec/plugin", NONE)),
    ("Type", Wide, Cell::Text("/status/plugin/type", NONE)),
    ("Version", Wide, Cell::Text("/status/plugin/version", NONE)),
    ("Phase", Wide, Cell::Text("/status/phase", NONE)),
    ("Age", Wide, Cell::Age("/metadata/creationTimestamp", UNKNOWN)),
];

const HELD_PRUNES: Given = &[
    ("Source", Narrow, Cell::Text("/spec/source", NONE)),
    ("State", Narrow, Cell::Text("/status/state", UNKNOWN)),
    ("Objects", Narrow, Cell::Number("/status/objects", 0)),
    ("Reason", Narrow, Cell::Text("/status/reason", NONE)),
    ("Since", Narrow, Cell::Age("/status/since", UNKNOWN)),
];

/// The columns of a kind that is stored and has no definition, without those that every stored kind has behind.
pub(super) fn of_stored(group: &str, kind: &str) -> Vec<Column> {
    let found = OF_KINDS.iter().find(|(of, named, _)| *of == group && *named == kind);
    let given = found.map_or(Given::default(), |(_, _, given)| given);
    // Those that show when they were made show no age.
    let shows_age = !given.iter().any(|(title, ..)| *title == CREATED.0);
    let narrow = given.iter().filter(|(_, width, _)| *width == Narrow).map(column);
    let wide = given.iter().filter(|(_, width, _)| *width == Wide).map(column);
    let age = shows_age.then(age);
    [name()].into_iter().chain(narrow).chain(age).chain(wide).collect()
}

/// The columns of a control kind.
pub(super) fn of_control(kind: ControlKind) -> Vec<Column> {
    let given = match kind {
        ControlKind::Source => SOURCES,
        ControlKind::HeldPrune => HELD_PRUNES,
    };
    [name()].into_iter().chain(given.iter().map(column)).collect()
}

/// The name of an object.
pub(super) fn name() -> Column {
    Column {
        title: Cow::Borrowed("Name"),
        description: Cow::Borrowed("The name of the object, unique within its namespace."),
        width: Narrow,
        cell: Cell::Name,
    }
}

/// The age of an object.
pub(super) fn age() -> Column {
    Column {
        title: Cow::Borrowed("Age"),
        description: Cow::Borrowed("How long the object has been in this store."),
        width: Narrow,
        cell: Cell::Age("/metadata/creationTimestamp", UNKNOWN),
    }
}

/// Where a stored object comes from.
pub(super) fn provenance() -> [Column; 2] {
    let column = |title, description, cell| Column {
        title: Cow::Borrowed(title),
        description: Cow::Borrowed(description),
        width: Wide,
        cell,
    };
    [
        column("Source", "The source that owns the object.", Cell::Source),
        column("Path", "Where the source read the object.", Cell::Origin),
    ]
}

fn column((title, width, cell): &(&'static str, Width, Cell)) -> Column {
    Column {
        title: Cow::Borrowed(title),
        description: Cow::Borrowed(""),
        width: *width,
        cell: cell.clone(),
    }
}
