use serde_json::{Value, json};

use super::*;

fn check(config: Value) -> Result<Settings, Vec<String>> {
    let config: Config = serde_json::from_value(config).unwrap();
    config.check(Path::new("/srv")).map_err(|faults| {
        faults
            .iter()
            .map(|fault| format!("{} {}", fault.pointer(), fault.summary()))
            .collect()
    })
}

#[test]
fn nothing_has_to_be_said() {
    let settings = check(json!({})).unwrap();
    let place = Place::Kubeconfig {
        path: None,
        context: None,
    };
    assert_eq!(
        settings.targets,
        [Target {
            label: "current".to_owned(),
            place
        }]
    );
    assert_eq!(
        (settings.page_size, settings.qps, settings.way),
        (500, 50, Way::Initial)
    );
    let mut object = json!({"metadata": {"managedFields": [], "finalizers": [], "ownerReferences": [], "labels": {}}});
    settings.fields.prune(&mut object);
    assert_eq!(object, json!({"metadata": {"labels": {}}}));
}

#[test]
fn clusters_are_called_by_name_or_context() {
    let settings = check(json!({"contexts": [
        {"kubeconfig": "kube/a", "context": "prod"},
        {"kubeconfig": "/b", "context": "arn:aws:eks:eu-central-1:1:cluster/test", "name": "te/st"},
        {"inCluster": true},
    ]}));
    let targets = settings.unwrap().targets;
    let labels: Vec<&str> = targets.iter().map(|target| target.label.as_str()).collect();
    assert_eq!(labels, ["prod", "te:st", "in-cluster"]);
    let path = |target: &Target| match &target.place {
        Place::Kubeconfig { path, .. } => path.clone(),
        Place::InCluster => None,
    };
    assert_eq!(
        targets.iter().map(path).collect::<Vec<_>>(),
        [Some("/srv/kube/a".into()), Some("/b".into()), None]
    );
}

#[test]
fn what_cannot_work_is_named() {
    for (config, expected) in [
        (
            json!({"contexts": [{}, {}]}),
            "/contexts/1/name two clusters are called \"current\"",
        ),
        (
            json!({"contexts": [{"name": ""}]}),
            "/contexts/0/name \"\" does not have 1 to 64 bytes",
        ),
        (
            json!({"contexts": [{"inCluster": true, "context": "x"}]}),
            "/contexts/0 a cluster is reached by inCluster or by a kubeconfig, not by both",
        ),
        (
            json!({"kinds": {"allow": ["secrets"]}}),
            "/kinds/allow Secrets are named, and come only with `includeSecrets: true`",
        ),
        (
            json!({"pruneFields": ["kind"]}),
            "/pruneFields an object needs its \"kind\"",
        ),
        (json!({"pageSize": 0}), "/pageSize 0 is not between 1 and 10000"),
        (json!({"qps": 2000}), "/qps 2000 is not between 1 and 1000"),
        (
            json!({"deleteSettle": "2m"}),
            "/deleteSettle 2m is too long: at most 1m",
        ),
    ] {
        assert_eq!(check(config.clone()).unwrap_err(), [expected], "{config}");
    }
    for config in [
        json!({"kinds": {"deny": ["["]}}),
        json!({"namespaces": {"allow": ["{a"]}}),
    ] {
        assert_eq!(check(config.clone()).unwrap_err().len(), 1, "{config}");
    }
    assert!(check(json!({"kinds": {"allow": ["secrets"]}, "includeSecrets": true})).is_ok());
}
