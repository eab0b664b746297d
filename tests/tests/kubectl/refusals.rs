//! What is not served: refused as a server would that does not have it, and nothing changed.

use std::fs;

use anyhow::ensure;
use serde_json::Value;

use crate::shop::{Shop, setting};

fn everything(shop: &Shop) -> anyhow::Result<Value> {
    shop.client
        .json(["get", "all,cm,secrets,crd,products", "-A", "-o", "json"])
}

#[test]
fn writes_of_objects_are_not_allowed_and_change_nothing() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let before = everything(&shop)?;
    let (there, new) = (shop.client.file("there.yaml"), shop.client.file("new.yaml"));
    fs::write(&there, setting(1, "9"))?;
    fs::write(&new, setting(40, "9"))?;
    let (there, new) = (there.to_string_lossy(), new.to_string_lossy());
    let label = r#"{"metadata":{"labels":{"a":"b"}}}"#;
    let cases: &[&[&str]] = &[
        &["create", "configmap", "made", "--from-literal=a=b"],
        &["create", "--validate=false", "-f", &new],
        &["apply", "--validate=false", "-f", &new],
        &["apply", "--validate=false", "-f", &there],
        &["apply", "--validate=false", "--server-side", "-f", &there],
        &["replace", "--validate=false", "-f", &there],
        &["delete", "cm", "s-01"],
        &["delete", "-f", &there],
        &["patch", "cm", "s-01", "--type", "merge", "-p", label],
        &["patch", "cm", "s-01", "--type", "strategic", "-p", label],
        &[
            "patch",
            "cm",
            "s-01",
            "--type",
            "json",
            "-p",
            r#"[{"op":"remove","path":"/data"}]"#,
        ],
        &["label", "cm", "s-01", "a=b"],
        &["annotate", "cm", "s-01", "a=b"],
        &["create", "namespace", "made"],
        &["delete", "namespace", "many"],
    ];
    for arguments in cases {
        let refused = shop
            .client
            .run([*arguments, &["-n", "many"]].concat())?
            .expect_code(1)?;
        ensure!(
            refused
                .stderr
                .contains("the server does not allow this method on the requested resource"),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
    let edited = ["cm", "s-01", "-n", "many", "--validate=false"];
    let edited = shop.client.edit(&edited, "/bin/sed -i s/blue/red/")?;
    let edited = edited.expect_code(1)?;
    ensure!(
        edited.stderr.contains("the server does not allow this method"),
        "{}",
        edited.stderr
    );
    assert_eq!(everything(&shop)?, before);
    Ok(())
}

#[test]
fn what_is_not_there_is_not_found() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    for (arguments, told) in [
        (
            &["get", "cm", "nobody"][..],
            "Error from server (NotFound): configmaps \"nobody\" not found\n",
        ),
        (
            &["get", "prod", "nobody"],
            "Error from server (NotFound): products.shop.example.com \"nobody\" not found\n",
        ),
        (
            &["get", "nothings"],
            "error: the server doesn't have a resource type \"nothings\"\n",
        ),
        (
            &["get", "--raw", "/nothing"],
            "Error from server (NotFound): the server could not find the requested resource\n",
        ),
        (
            &["get", "--raw", "/apis/apps/v1/nothings"],
            "Error from server (NotFound): the server could not find the requested resource\n",
        ),
    ] {
        let refused = shop.client.run([arguments, &["-n", "many"]].concat())?.expect_code(1)?;
        assert_eq!(
            (refused.stdout.as_str(), refused.stderr.as_str()),
            ("", told),
            "{arguments:?}"
        );
    }
    let some = shop
        .client
        .run(["get", "cm", "s-01", "nobody", "s-02", "-n", "many", "-o", "name"])?;
    let some = some.expect_code(1)?;
    assert_eq!(some.stdout, "configmap/s-01\nconfigmap/s-02\n");
    Ok(())
}
