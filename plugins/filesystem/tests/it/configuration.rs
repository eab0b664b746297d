//! What the plugin says of itself and of configurations.

use k1s_source_proto::v1::{Capability, DescribeRequest, ValidateRequest};
use serde_json::{Value, json};

use crate::host::{Plugin, User};

#[tokio::test]
async fn it_describes_itself() {
    let mut plugin = Plugin::launch(User::Own).await;
    let answer = plugin.client.describe(DescribeRequest {}).await.unwrap().into_inner();
    assert_eq!(
        (answer.r#type.as_str(), answer.name.as_str()),
        ("filesystem", "k1s-sync-fs")
    );
    let capabilities: Vec<_> = answer.capabilities().collect();
    for capability in [
        Capability::Snapshot,
        Capability::Seen,
        Capability::NeedsKnown,
        Capability::MultiScope,
        Capability::Watch,
    ] {
        assert!(capabilities.contains(&capability), "{capability:?}");
    }

    let schema: Value = serde_json::from_str(&answer.config_schema).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let names: Vec<_> = properties.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "debounce",
            "deleteSettle",
            "exclude",
            "followSymlinks",
            "include",
            "maxFileBytes",
            "path",
            "pollInterval",
            "recursive",
            "watch"
        ]
    );
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(properties["path"]["x-k1s-path"], json!("read"));
    assert_eq!(properties["path"]["default"], json!("."));
    assert_eq!(properties["include"]["default"], json!(["*.yaml", "*.yml", "*.json"]));
    assert_eq!(properties["maxFileBytes"]["x-k1s-effect"], json!("tuning"));
    assert_eq!(properties["include"]["x-k1s-effect"], json!("selection"));
    for (name, property) in properties {
        assert!(
            property["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn wrong_configurations_are_refused_with_their_place() {
    let mut plugin = Plugin::launch(User::Own).await;
    for (config, pointer) in [
        (json!({"pattern": "*"}), ""),
        (json!({"debounce": "1h"}), "/debounce"),
        (json!({"path": 5}), "/path"),
        (json!({"path": ["/a", ""]}), "/path/1"),
        (json!({"path": ["/a", "/a/b"]}), "/path/1"),
        (json!({"include": ["*.yaml", "["]}), "/include/1"),
        (json!({"exclude": "!x"}), "/exclude"),
        (json!({"recursive": "yes"}), "/recursive"),
        (json!({"maxFileBytes": 0}), "/maxFileBytes"),
        (json!({"maxFileBytes": -1}), "/maxFileBytes"),
    ] {
        let request = ValidateRequest {
            config: config.to_string().into(),
            ..Default::default()
        };
        let found = plugin.client.validate(request).await.unwrap().into_inner().diagnostics;
        assert_eq!(found.len(), 1, "{config}: {found:?}");
        assert!(found[0].pointer.starts_with(pointer), "{config}: {found:?}");
        assert!(!found[0].summary.is_empty(), "{config}");
    }
    let request = ValidateRequest {
        config: "{}".into(),
        ..Default::default()
    };
    assert_eq!(
        plugin.client.validate(request).await.unwrap().into_inner().diagnostics,
        []
    );
}
