//! Cells that have to be made out of more than one field.

use serde_json::Value;

use super::column::{NONE, or_none, shown};

fn text<'v>(object: &'v Value, at: &str) -> Option<&'v str> {
    object.pointer(at).and_then(Value::as_str)
}

fn items<'v>(object: &'v Value, at: &str) -> impl Iterator<Item = &'v Value> {
    object.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

fn texts(object: &Value, at: &str) -> Vec<String> {
    items(object, at).map(shown).collect()
}

/// A `LabelSelector`, in the words and the order of `metav1.FormatLabelSelector`: `a=b,c in (d,e),!f`.
pub(super) fn label_selector(selector: Option<&Value>) -> String {
    let Some(selector) = selector else {
        return NONE.to_owned();
    };
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let equal = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), format!("{key}={}", shown(value))));
    let expressions = items(selector, "/matchExpressions").map(|expression| {
        let key = text(expression, "/key").unwrap_or_default();
        (key, requirement(key, expression))
    });
    let mut requirements: Vec<(&str, String)> = equal.chain(expressions).collect();
    requirements.sort_by_key(|(key, _)| *key);
    or_none(&requirements.into_iter().map(|(_, said)| said).collect::<Vec<_>>())
}

fn requirement(key: &str, expression: &Value) -> String {
    let mut values = texts(expression, "/values");
    values.sort();
    let values = values.join(",");
    match text(expression, "/operator") {
        Some("In") => format!("{key} in ({values})"),
        Some("NotIn") => format!("{key} notin ({values})"),
        Some("Exists") => key.to_owned(),
        Some("DoesNotExist") => format!("!{key}"),
        // No server would have let it in; what it shows for one that it cannot read.
        _ => "<error>".to_owned(),
    }
}

/// Where a load balancer can be reached.
fn ingress(object: &Value) -> Vec<String> {
    let points = items(object, "/status/loadBalancer/ingress");
    let addresses = points.filter_map(|point| text(point, "/ip").or_else(|| text(point, "/hostname")));
    addresses.map(str::to_owned).collect()
}

/// The external addresses of a `Service`.
pub(super) fn external_addresses(object: &Value) -> String {
    let external = texts(object, "/spec/externalIPs");
    match text(object, "/spec/type") {
        Some("ExternalName") => text(object, "/spec/externalName").unwrap_or(NONE).to_owned(),
        Some("LoadBalancer") => {
            let all = [ingress(object), external].concat();
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        _ => or_none(&external),
    }
}

/// The ports of a `Service`: `80/TCP,443:30443/TCP`.
pub(super) fn service_ports(object: &Value) -> String {
    let ports = items(object, "/spec/ports").map(|port| {
        let number = port.get("port").map(shown).unwrap_or_default();
        let protocol = text(port, "/protocol").unwrap_or("TCP");
        match port.get("nodePort").and_then(Value::as_u64).filter(|node| *node > 0) {
            Some(node) => format!("{number}:{node}/{protocol}"),
            None => format!("{number}/{protocol}"),
        }
    });
    or_none(&ports.collect::<Vec<_>>())
}

/// How many of a `Pod`'s containers are ready: `1/2`.
pub(super) fn ready_containers(object: &Value) -> String {
    let is_ready = |container: &&Value| container.get("ready") == Some(&Value::Bool(true));
    let ready = items(object, "/status/containerStatuses").filter(is_ready).count();
    format!("{ready}/{}", items(object, "/spec/containers").count())
}

/// The access modes of a volume, or of a claim: `RWO,ROX`.
pub(super) fn access_modes(object: &Value) -> String {
    let modes = items(object, "/spec/accessModes").filter_map(Value::as_str);
    let short = modes.map(|mode| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    });
    short.collect::<Vec<_>>().join(",")
}

/// What a binding binds: `ClusterRole/view`.
pub(super) fn role(object: &Value) -> String {
    let part = |at| text(object, at).unwrap_or_default();
    format!("{}/{}", part("/roleRef/kind"), part("/roleRef/name"))
}

/// What an autoscaler scales: `Deployment/cart`.
pub(super) fn scaled(object: &Value) -> String {
    let part = |at| text(object, at).unwrap_or_default();
    format!(
        "{}/{}",
        part("/spec/scaleTargetRef/kind"),
        part("/spec/scaleTargetRef/name")
    )
}

/// The hosts of an `Ingress`.
pub(super) fn hosts(object: &Value) -> String {
    let hosts = items(object, "/spec/rules").filter_map(|rule| text(rule, "/host"));
    let hosts: Vec<&str> = hosts.filter(|host| !host.is_empty()).collect();
    if hosts.is_empty() {
        "*".to_owned()
    } else {
        hosts.join(",")
    }
}

/// The addresses of an `Ingress`.
pub(super) fn balanced(object: &Value) -> String {
    ingress(object).join(",")
}

/// The ports of an `Ingress`.
pub(super) fn ingress_ports(object: &Value) -> String {
    let ports = if items(object, "/spec/tls").next().is_some() {
        "80, 443"
    } else {
        "80"
    };
    ports.to_owned()
}

/// Whether a `Source` is ready.
pub(super) fn readiness(object: &Value) -> String {
    let mut conditions = items(object, "/status/conditions");
    let ready = conditions.find(|condition| text(condition, "/type") == Some("Ready"));
    let status = ready.and_then(|ready| text(ready, "/status"));
    status.unwrap_or("Unknown").to_owned()
}

/// The first condition of a `Source` that needs someone.
pub(super) fn note(object: &Value) -> String {
    let needs_someone = |condition: &&Value| {
        let holds = text(condition, "/status") == Some("True");
        !(holds && text(condition, "/type") == Some("Ready"))
    };
    let first = items(object, "/status/conditions").find(needs_someone);
    first.map_or_else(String::new, |condition| {
        let part = |at| text(condition, at).unwrap_or_default();
        format!("{}: {}", part("/type"), part("/message"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Case = (fn(&Value) -> String, Value, &'static str);

    fn check(cases: &[Case]) {
        for (say, object, expected) in cases {
            assert_eq!(say(object), *expected, "{object}");
        }
    }

    #[test]
    fn a_selector_shows_labels_and_expressions_in_the_order_of_their_keys() {
        let cases = [
            (json!({}), "<none>"),
            (json!({"matchLabels": {"b": "2", "a": "1"}}), "a=1,b=2"),
            (
                json!({
                    "matchLabels": {"m": "x"},
                    "matchExpressions": [
                        {"key": "z", "operator": "DoesNotExist"},
                        {"key": "b", "operator": "In", "values": ["2", "1"]},
                        {"key": "c", "operator": "NotIn", "values": ["3"]},
                        {"key": "a", "operator": "Exists"},
                    ],
                }),
                "a,b in (1,2),c notin (3),m=x,!z",
            ),
            (json!({"matchExpressions": [{"key": "a", "operator": "Gt"}]}), "<error>"),
        ];
        for (selector, expected) in cases {
            assert_eq!(label_selector(Some(&selector)), expected, "{selector}");
        }
        assert_eq!(label_selector(None), "<none>");
    }

    #[test]
    fn a_service_shows_where_it_can_be_reached() {
        check(&[
            (external_addresses, json!({}), "<none>"),
            (
                external_addresses,
                json!({"spec": {"externalIPs": ["1.2.3.4", "::1"]}}),
                "1.2.3.4,::1",
            ),
            (
                external_addresses,
                json!({"spec": {"type": "ExternalName", "externalName": "a.b"}}),
                "a.b",
            ),
            (
                external_addresses,
                json!({"spec": {"type": "LoadBalancer"}}),
                "<pending>",
            ),
            (
                external_addresses,
                json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"hostname": "h"}]}}}),
                "h",
            ),
            (service_ports, json!({}), "<none>"),
            (
                service_ports,
                json!({"spec": {"ports": [{"port": 80}, {"port": 53, "nodePort": 30053, "protocol": "UDP"}]}}),
                "80/TCP,53:30053/UDP",
            ),
        ]);
    }

    #[test]
    fn other_cells_say_what_kubectl_users_expect() {
        check(&[
            (ready_containers, json!({"spec": {"containers": [{}, {}]}}), "0/2"),
            (
                ready_containers,
                json!({"spec": {"containers": [{}]}, "status": {"containerStatuses": [{"ready": true}]}}),
                "1/1",
            ),
            (
                access_modes,
                json!({"spec": {"accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}}),
                "RWO,ROX",
            ),
            (
                role,
                json!({"roleRef": {"kind": "ClusterRole", "name": "view"}}),
                "ClusterRole/view",
            ),
            (
                hosts,
                json!({"spec": {"rules": [{"host": "a"}, {}, {"host": "b"}]}}),
                "a,b",
            ),
            (hosts, json!({"spec": {}}), "*"),
            (ingress_ports, json!({"spec": {"tls": [{}]}}), "80, 443"),
            (ingress_ports, json!({}), "80"),
            (readiness, json!({}), "Unknown"),
            (
                readiness,
                json!({"status": {"conditions": [{"type": "Stale", "status": "True"}, {"type": "Ready", "status": "False"}]}}),
                "False",
            ),
            (
                note,
                json!({"status": {"conditions": [
                    {"type": "PruneHeld", "status": "True", "message": "3 deletes held"},
                    {"type": "Ready", "status": "True", "message": "in sync"},
                ]}}),
                "PruneHeld: 3 deletes held",
            ),
            (
                note,
                json!({"status": {"conditions": [{"type": "Ready", "status": "True", "message": "x"}]}}),
                "",
            ),
        ]);
    }
}
