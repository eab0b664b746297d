//! Objects as `kubectl get -o` and `kubectl describe` show them.

use anyhow::{Context as _, ensure};
use k1s_yaml::{Limits, documents};
use serde_json::{Value, json};

use crate::shop::{SETTINGS, Shop, lines};

const CART: [&str; 5] = ["get", "cm", "cart-settings", "-n", "shop"];

#[test]
fn an_object_is_the_same_in_every_format() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let shown = |format: &str| shop.client.answer([&CART[..], &["-o", format]].concat());

    let object: Value = serde_json::from_str(&shown("json")?)?;
    assert_eq!(
        (&object["apiVersion"], &object["kind"]),
        (&json!("v1"), &json!("ConfigMap"))
    );
    assert_eq!(object["data"]["limit"], "50");
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        let text = object["metadata"][field].as_str();
        ensure!(text.is_some_and(|text| !text.is_empty()), "{field}: {object}");
    }
    let annotations = &object["metadata"]["annotations"];
    assert_eq!(annotations["sync.k1s.io/source-path"], "cart/settings.yaml", "{object}");

    let yaml = shown("yaml")?;
    let document = documents(yaml.as_bytes(), &Limits::default()).next();
    assert_eq!(document.context("a document")??.value, object);
    assert_eq!(shown("name")?, "configmap/cart-settings\n");
    assert_eq!(shown("jsonpath={.data.limit}")?, "50");
    assert_eq!(
        shown("jsonpath={.data.settings\\.ini}")?,
        object["data"]["settings.ini"]
    );
    assert_eq!(shown("go-template={{.metadata.namespace}}")?, "shop");
    assert_eq!(
        shown("custom-columns=N:.metadata.name,L:.data.limit")?,
        "N               L\ncart-settings   50\n"
    );
    ensure!(shown("wide")?.contains("cart-settings"));
    Ok(())
}

#[test]
fn the_client_and_a_host_on_the_file_answer_the_same() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let kinds = [
        "configmaps",
        "deployments.apps",
        "customresourcedefinitions",
        "products",
        "namespaces",
        "secrets",
    ];
    let mut answered = Vec::new();
    for kind in kinds {
        let list = shop.client.json(["get", kind, "-A", "-o", "json"])?;
        answered.push(list["items"].as_array().context("items")?.clone());
    }
    let scene = shop.daemon.stop()?;
    for (kind, answered) in kinds.into_iter().zip(answered) {
        ensure!(!answered.is_empty(), "no {kind}");
        assert_eq!(answered, scene.objects(kind)?, "{kind}");
    }
    Ok(())
}

#[test]
fn an_object_is_described() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let text = shop.client.answer(["describe", "cm", "cart-settings", "-n", "shop"])?;
    for part in ["Name:         cart-settings", "gift-wrapping:", "Events:  <none>"] {
        ensure!(text.contains(part), "{part:?} is missing in {text}");
    }
    let text = shop.client.answer(["describe", "product", "tea-pot", "-n", "shop"])?;
    ensure!(text.contains("Tea pot, 1.2 l"), "{text}");
    let text = shop.client.answer(["describe", "deploy", "web", "-n", "shop"])?;
    ensure!(text.contains("Selector:"), "{text}");
    Ok(())
}

#[test]
fn a_list_in_json_is_whole_and_events_are_an_empty_one() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let list = shop.client.json(["get", "cm", "-n", "many", "-o", "json"])?;
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("List"), &json!("v1")));
    assert_eq!(list["items"].as_array().context("items")?.len(), SETTINGS);
    let sorted = ["get", "cm", "-n", "many", "-o", "name", "--sort-by={.data.value}"];
    assert_eq!(lines(&shop.client.answer(sorted)?)?.len(), SETTINGS);

    for arguments in [
        &["get", "events", "-A"][..],
        &["get", "cm", "-n", "nowhere"],
        &["events", "-A"],
    ] {
        let none = shop.client.run(arguments)?.expect_code(0)?;
        ensure!(none.stderr.starts_with("No ") && none.stdout.is_empty(), "{none:?}");
    }
    Ok(())
}
