//! The content of each kind: valid documents of a plausible shop.

use serde_json::{Map, Value, json};

use super::object::{CUSTOM_GROUP, Kind, Object, WORDS};
use crate::random::Random;

const REVISION: &str = "shop.example.com/revision";

/// The document of an object: about `bytes` long as compact JSON, never much longer unless the kind itself is.
pub(super) fn body(object: &Object, seed: u64, bytes: usize) -> Value {
    let mut random = Random::of(seed, object.ordinal);
    let (group, version, kind) = object.kind.group_version_kind();
    let api_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let mut body = content(object, &mut random);
    body.insert("apiVersion".to_owned(), api_version.into());
    body.insert("kind".to_owned(), kind.into());
    let mut metadata = json!({
        "name": object.name,
        "labels": labels(object),
        "annotations": {REVISION: object.revision.to_string()},
    });
    if !object.namespace.is_empty() {
        metadata["namespace"] = (*object.namespace).into();
    }
    body.insert("metadata".to_owned(), metadata);
    let mut body = Value::Object(body);
    let missing = bytes.saturating_sub(body.to_string().len());
    fill(&mut body["metadata"]["annotations"], missing, &mut random);
    body
}

/// Adds annotations until about `missing` bytes have been added.
fn fill(annotations: &mut Value, missing: usize, random: &mut Random) {
    let mut added = 0;
    for note in 0_usize.. {
        let name = format!("shop.example.com/note-{note:03}");
        let words: Vec<&str> = (0..6).map(|_| random.one_of(&WORDS)).collect();
        let text = words.join(" ");
        added += name.len() + text.len() + r#""":"","#.len();
        if added > missing {
            return;
        }
        annotations[name] = text.into();
    }
}

fn labels(object: &Object) -> Value {
    json!({"app.kubernetes.io/name": object.name, "app.kubernetes.io/part-of": "shop"})
}

/// Everything but apiVersion, kind and metadata.
fn content(object: &Object, random: &mut Random) -> Map<String, Value> {
    let name = &*object.name;
    let content = match object.kind {
        Kind::Namespace => json!({}),
        Kind::CustomResourceDefinition => definition(name),
        Kind::ClusterRole => json!({"rules": [
            {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [CUSTOM_GROUP], "resources": ["*"], "verbs": ["*"]},
        ]}),
        Kind::ConfigMap => json!({"data": {
            "limit": random.below(100).to_string(),
            "enabled": "yes",
            "settings.ini": format!("[cart]\nlimit = {}\n\n[checkout]\n\tretries = 3\n# {name}\n", random.below(100)),
        }}),
        Kind::Secret => json!({"type": "Opaque", "data": {"password": "bm90LWEtc2VjcmV0"}}),
        Kind::ServiceAccount => json!({"automountServiceAccountToken": random.once_in(2)}),
        Kind::Service => json!({"spec": {
            "selector": labels(object),
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "metrics", "port": 9090, "targetPort": 9090}],
        }}),
        Kind::Deployment => json!({"spec": {
            "replicas": random.below(5),
            "selector": {"matchLabels": labels(object)},
            "template": pods(object, random),
        }}),
        Kind::StatefulSet => json!({"spec": {
            "serviceName": name,
            "selector": {"matchLabels": labels(object)},
            "template": pods(object, random),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        }}),
        Kind::CronJob => json!({"spec": {
            "schedule": format!("{} 3 * * *", random.below(60)),
            "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container(random)]}}}},
        }}),
        Kind::Ingress => json!({"spec": {"rules": [{
            "host": format!("{name}.example.com"),
            "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": name, "port": {"number": 80}}},
            }]},
        }]}}),
        Kind::HorizontalPodAutoscaler => autoscaler(name, random),
        Kind::NetworkPolicy => json!({"spec": {
            "podSelector": {"matchLabels": labels(object)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": 8080}]}],
        }}),
        Kind::PodDisruptionBudget => {
            json!({"spec": {"maxUnavailable": "50%", "selector": {"matchLabels": labels(object)}}})
        }
        Kind::Order => json!({"spec": {
            "customer": format!("customer-{:04}", random.below(10_000)),
            "paid": random.once_in(2),
            "weight": 0.25 + random.below(40) as f64,
            "lines": [{"article": "0012", "quantity": 1 + random.below(9)}, {"article": "1e3", "quantity": 1}],
        }}),
    };
    if let Value::Object(content) = content {
        content
    } else {
        Map::new()
    }
}

fn autoscaler(name: &str, random: &mut Random) -> Value {
    json!({"spec": {
        "minReplicas": 1, "maxReplicas": 2 + random.below(9),
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
    }})
}

fn pods(object: &Object, random: &mut Random) -> Value {
    json!({
        "metadata": {"labels": labels(object)},
        "spec": {"serviceAccountName": "default", "containers": [container(random)]},
    })
}

fn container(random: &mut Random) -> Value {
    json!({
        "name": "main",
        "image": format!("example.com/shop/main:1.{}", random.below(20)),
        "args": ["--listen=:8080", "--verbose", "no"],
        "env": [{"name": "LEVEL", "value": "on"}, {"name": "PORT", "value": "8080"}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    })
}

/// A definition without constraints; `name` is plural and group.
fn definition(name: &str) -> Value {
    let plural = name.split('.').next().unwrap_or(name);
    let singular = plural.strip_suffix('s').unwrap_or(plural);
    let (first, rest) = singular.split_at(1);
    json!({"spec": {
        "group": CUSTOM_GROUP,
        "scope": "Namespaced",
        "names": {"kind": format!("{}{rest}", first.to_uppercase()), "plural": plural, "singular": singular},
        "versions": [{
            "name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }}},
        }],
    }})
}
