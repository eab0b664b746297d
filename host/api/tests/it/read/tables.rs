//! Tables, as kubectl and k9s print them.

use http::StatusCode;
use serde_json::{Value, json};

use super::fixture::{Fixture, TABLE, config_map};
use crate::documents::Lister;

/// Titles, with those of `-o wide` in parentheses.
fn titles(table: &Value) -> Vec<String> {
    let columns = table["columnDefinitions"].as_array().unwrap().iter();
    let title = |column: &Value| {
        let name = column["name"].as_str().unwrap();
        match column["priority"].as_i64().unwrap() {
            0 => name.to_owned(),
            _ => format!("({name})"),
        }
    };
    columns.map(title).collect()
}

/// The cells of the first row, without ages, which differ from run to run.
fn cells(table: &Value) -> Vec<Value> {
    let titles = titles(table);
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(cells.len(), titles.len());
    let kept = cells
        .iter()
        .zip(&titles)
        .filter(|(_, title)| *title != "Age" && *title != "(Age)");
    kept.map(|(cell, _)| cell.clone()).collect()
}

/// An object, where it is, and the titles and cells of its table.
type Case<'c> = (Value, &'c str, &'c [&'c str], Value);

async fn check(cases: impl IntoIterator<Item = Case<'_>>) {
    let fixture = Fixture::new();
    for (object, path, expected_titles, expected_cells) in cases {
        fixture.put(object).await;
        let table = fixture.ask_as(path, TABLE).await.body;
        assert_eq!(
            (&table["kind"], &table["apiVersion"]),
            (&json!("Table"), &json!("meta.k8s.io/v1"))
        );
        assert_eq!(titles(&table), expected_titles, "{path}");
        assert_eq!(Value::from(cells(&table)), expected_cells, "{path}");
    }
}

#[tokio::test]
async fn a_row_shows_what_kubectl_users_expect() {
    let cases: [Case<'_>; 4] = [
        (
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
            "/api/v1/namespaces/shop",
            &["Name", "Status", "Age", "(Source)", "(Path)"],
            json!(["shop", "Active", "<none>", "<none>"]),
        ),
        (
            config_map("shop", "a", "", "1"),
            "/api/v1/namespaces/shop/configmaps/a",
            &["Name", "Data", "Age", "(Source)", "(Path)"],
            json!(["a", 1, "<none>", "<none>"]),
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "shop", "name": "a"}, "data": {"k": "dg==", "l": ""}}),
            "/api/v1/namespaces/shop/secrets/a",
            &["Name", "Type", "Data", "Age", "(Source)", "(Path)"],
            json!(["a", "Opaque", 2, "<none>", "<none>"]),
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop", "name": "a"},
                "spec": {"selector": {"app": "a", "tier": "b"}, "ports": [{"port": 80}]}}),
            "/api/v1/namespaces/shop/services/a",
            &[
                "Name",
                "Type",
                "Cluster-IP",
                "External-IP",
                "Port(s)",
                "Age",
                "(Selector)",
                "(Source)",
                "(Path)",
            ],
            json!([
                "a",
                "ClusterIP",
                "<none>",
                "<none>",
                "80/TCP",
                "app=a,tier=b",
                "<none>",
                "<none>"
            ]),
        ),
    ];
    check(cases).await;
}

#[tokio::test]
async fn a_row_of_another_group_does_so_too() {
    let cases: [Case<'_>; 3] = [
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "a"},
                "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "a"}},
                    "template": {"spec": {"containers": [{"name": "x", "image": "i:1"}, {"name": "y", "image": "j:2"}]}}}}),
            "/apis/apps/v1/namespaces/shop/deployments/a",
            &[
                "Name",
                "Ready",
                "Up-to-date",
                "Available",
                "Age",
                "(Containers)",
                "(Images)",
                "(Selector)",
                "(Source)",
                "(Path)",
            ],
            json!(["a", "0/3", 0, 0, "x,y", "i:1,j:2", "app=a", "<none>", "<none>"]),
        ),
        (
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}}),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/a",
            &["Name", "Created At", "(Source)", "(Path)"],
            json!(["a", "2023-11-14T22:13:20Z", "<none>", "<none>"]),
        ),
        (
            json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"namespace": "shop", "name": "a"}}),
            "/api/v1/namespaces/shop/limitranges/a",
            &["Name", "Age", "(Source)", "(Path)"],
            json!(["a", "<none>", "<none>"]),
        ),
    ];
    check(cases).await;
}

#[tokio::test]
async fn a_wide_row_says_where_an_object_comes_from() {
    let fixture = Fixture::new();
    let mut files = Lister::launch(fixture.writer(), "files").await;
    files.list([config_map("shop", "a", "", "1")]).await;
    let table = fixture.ask_as("/api/v1/configmaps", TABLE).await.body;
    assert_eq!(Value::from(cells(&table)), json!(["a", 1, "files", "a.yaml:7"]));
    let mut watch = fixture.watch_as("/api/v1/configmaps?watch=true", TABLE).await;
    let row = watch.event().await["object"]["rows"][0]["cells"].clone();
    assert_eq!((&row[3], &row[4]), (&json!("files"), &json!("a.yaml:7")));
}

#[tokio::test]
async fn the_age_is_a_text_as_kubectl_prints_it() {
    let fixture = Fixture::new();
    fixture.put(config_map("shop", "a", "", "1")).await;
    let table = fixture.ask_as("/api/v1/configmaps", TABLE).await.body;
    let age = table["rows"][0]["cells"][2].as_str().unwrap();
    // The store's clock stands in 2023.
    assert!(age.contains('y') || age.ends_with('d'), "{age}");
}

#[tokio::test]
async fn a_row_holds_as_much_of_the_object_as_is_asked_for() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "a", "x=y", "1")).await;
    for (query, kind, has_data) in [
        ("", json!("PartialObjectMetadata"), false),
        ("?includeObject=Metadata", json!("PartialObjectMetadata"), false),
        ("?includeObject=Object", json!("ConfigMap"), true),
        ("?includeObject=None", Value::Null, false),
    ] {
        for path in ["/api/v1/configmaps", "/api/v1/namespaces/shop/configmaps/a"] {
            let table = fixture.ask_as(&format!("{path}{query}"), TABLE).await.body;
            assert_eq!(table["metadata"]["resourceVersion"], revision.to_string());
            let object = &table["rows"][0]["object"];
            assert_eq!(
                (object.get("kind").unwrap_or(&Value::Null), object.get("data").is_some()),
                (&kind, has_data)
            );
            if !kind.is_null() {
                assert_eq!(object["metadata"]["labels"]["x"], "y");
            }
        }
    }
    let refused = fixture.ask_as("/api/v1/configmaps?includeObject=Some", TABLE).await;
    assert_eq!(refused.code, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.body["message"],
        "Unable to convert to Table as requested: includeObject: Invalid value: \"Some\": must be 'Metadata', 'Object', \
         'None', or empty"
    );
}

#[tokio::test]
async fn a_table_comes_in_pages_and_empty_too() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.put(config_map("shop", name, "", "1")).await;
    }
    let page = fixture.ask_as("/api/v1/configmaps?limit=2", TABLE).await.body;
    assert_eq!(page["rows"].as_array().unwrap().len(), 2);
    let token = page["metadata"]["continue"].as_str().unwrap();
    let rest = fixture
        .ask_as(&format!("/api/v1/configmaps?limit=2&continue={token}"), TABLE)
        .await;
    assert_eq!(rest.body["rows"][0]["cells"][0], "c");
    let empty = fixture.ask_as("/api/v1/secrets", TABLE).await.body;
    assert_eq!((&empty["rows"], titles(&empty).len()), (&json!([]), 6));
}

#[tokio::test]
async fn a_definition_says_the_columns_of_its_kind() {
    let fixture = Fixture::new();
    let mut definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": true, "storage": true, "additionalPrinterColumns": [
                {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
                {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                {"name": "Wrong", "type": "integer", "jsonPath": ".spec.color"},
                {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                {"name": "Team", "type": "string", "jsonPath": ".metadata.labels['team']", "priority": 1},
                {"name": "Due", "type": "date", "jsonPath": ".spec.due"},
                {"name": "Absent", "type": "date", "jsonPath": ".spec.absent"},
                {"name": "Beyond", "type": "string", "jsonPath": "..color"},
            ]}],
        },
    });
    fixture.put(definition.clone()).await;
    fixture
        .put(json!({"apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": {"namespace": "shop", "name": "w", "labels": {"team": "red"}},
            "spec": {"color": "blue", "size": 3, "due": "no time"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}))
        .await;
    let table = fixture.ask_as("/apis/example.com/v1/widgets", TABLE).await.body;
    assert_eq!(
        titles(&table),
        [
            "Name", "Color", "Size", "Wrong", "Ready", "(Team)", "Due", "Absent", "Beyond", "(Source)", "(Path)"
        ]
    );
    assert_eq!(
        Value::from(cells(&table)),
        json!([
            "w",
            "blue",
            3,
            null,
            "True",
            "red",
            "<invalid>",
            null,
            null,
            "<none>",
            "<none>"
        ])
    );
    definition["spec"]["versions"][0]
        .as_object_mut()
        .unwrap()
        .remove("additionalPrinterColumns");
    fixture.put(definition).await;
    let table = fixture.ask_as("/apis/example.com/v1/widgets", TABLE).await.body;
    assert_eq!(titles(&table), ["Name", "Age", "(Source)", "(Path)"]);
}

#[tokio::test]
async fn control_objects_have_columns_of_their_own() {
    let fixture = Fixture::new();
    fixture.put_source(
        "files",
        json!({
            "objects": 12, "pending": 1, "failed": 2, "phase": "Running",
            "plugin": {"path": "/p", "type": "filesystem", "version": "0.1.0"},
            "conditions": [
                {"type": "PruneHeld", "status": "True", "reason": "Guard", "message": "3 deletes held"},
                {"type": "Ready", "status": "True", "reason": "InSync", "message": ""},
            ],
        }),
    );
    let table = fixture.ask_as("/apis/sync.k1s.io/v1alpha1/sources", TABLE).await.body;
    assert_eq!(
        titles(&table),
        [
            "Name",
            "Ready",
            "Objects",
            "Pending",
            "Failed",
            "Last Change",
            "Note",
            "(Plugin)",
            "(Type)",
            "(Version)",
            "(Phase)",
            "(Age)"
        ]
    );
    assert_eq!(
        Value::from(cells(&table)),
        json!([
            "files",
            "True",
            12,
            1,
            2,
            "<none>",
            "PruneHeld: 3 deletes held",
            "filesystem",
            "filesystem",
            "0.1.0",
            "Running"
        ])
    );
    let table = fixture
        .ask_as("/apis/sync.k1s.io/v1alpha1/heldprunes", TABLE)
        .await
        .body;
    assert_eq!(
        titles(&table),
        ["Name", "Source", "State", "Objects", "Reason", "Since"]
    );
}

#[tokio::test]
async fn a_list_can_be_reduced_to_metadata() {
    let fixture = Fixture::new();
    fixture.put(config_map("shop", "a", "x=y", "1")).await;
    let form = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list = fixture.ask_as("/api/v1/configmaps", form).await.body;
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("PartialObjectMetadataList"), &json!("meta.k8s.io/v1"))
    );
    let item = &list["items"][0];
    assert_eq!(
        (&item["kind"], item.get("data")),
        (&json!("PartialObjectMetadata"), None)
    );
    let form = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let refused = fixture.ask_as("/api/v1/configmaps", form).await;
    assert_eq!(refused.code, StatusCode::NOT_ACCEPTABLE);
}
