//! The server.

use std::path::Path;
use std::thread;

use anyhow::{Context as _, ensure};
use k1s_tests::authority::Good;
use k1s_tests::cluster::{Cluster, Disk, Grant, Memory, Verb, Write};
use k1s_tests::processes::is_stopped;
use serde_json::{Value, json};

const DEFAULT: &str = "/api/v1/namespaces/default/configmaps";

pub(crate) fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": "first"}})
}

fn version(object: &Value) -> anyhow::Result<String> {
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    Ok(version.context("a resource version")?.to_owned())
}

#[test]
fn the_version_is_what_the_module_says() -> anyhow::Result<()> {
    let told = Cluster::shared()?.client()?.done("/version", &Verb::Read)?;
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("kube-apiserver/go.mod");
    let pinned = format!(
        "k8s.io/kubernetes {}\n",
        told["gitVersion"].as_str().unwrap_or_default()
    );
    ensure!(std::fs::read_to_string(module)?.contains(&pinned), "{told}");
    Ok(())
}

#[test]
fn what_is_written_is_there_and_a_namespace_can_go() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("going", json!({}))?;
    let collection = "/api/v1/namespaces/going/configmaps";
    let writes: Vec<Write> = (0..40)
        .map(|number| Write {
            path: collection.to_owned(),
            verb: Verb::Create(config_map(&format!("a-{number}"))),
        })
        .collect();
    cluster.write_all(&writes)?;
    assert_eq!(client.list(collection)?.len(), 40);
    let patch = json!({"data": {"value": "second"}});
    client.done(&format!("{collection}/a-7"), &Verb::Merge(patch))?;
    client.done(&format!("{collection}/a-8"), &Verb::Delete)?;
    let changed = client.get(&format!("{collection}/a-7"))?.context("an object")?;
    assert_eq!(changed["data"]["value"], "second");
    assert!(client.get(&format!("{collection}/a-8"))?.is_none());
    let refused = cluster.write_all(&writes[..1]).map_err(|error| error.to_string());
    assert!(refused.is_err_and(|error| error.contains("AlreadyExists")));

    client.remove_namespace("going", &["configmaps", "apis/apps/v1/deployments"])?;
    assert!(client.get("/api/v1/namespaces/going")?.is_none());
    assert_eq!(client.list(collection)?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn an_account_may_do_what_it_is_granted_until_that_is_taken_back() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("granting", json!({}))?;
    client.namespace("granting-not", json!({}))?;
    let account = cluster.account("granting", "reader")?;
    let mut reader = cluster.endpoint().client(&account.token()?)?;
    let everywhere = Grant {
        verbs: &["list"],
        group: "",
        resource: "configmaps",
        namespace: None,
    };
    let here = Grant {
        namespace: Some("granting"),
        ..everywhere
    };
    let mut statuses = || -> anyhow::Result<[u16; 3]> {
        let mut ask = |path: &str| Ok::<_, anyhow::Error>(reader.ask(path, &Verb::Read)?.status);
        Ok([
            ask("/api/v1/configmaps")?,
            ask("/api/v1/namespaces/granting/configmaps")?,
            ask("/api/v1/namespaces/granting-not/configmaps")?,
        ])
    };
    assert_eq!(statuses()?, [403, 403, 403]);
    account.grant(&here)?;
    assert_eq!(statuses()?, [403, 200, 403]);
    account.grant(&everywhere)?;
    assert_eq!(statuses()?, [200, 200, 200]);
    account.revoke(&everywhere)?;
    assert_eq!(statuses()?, [403, 200, 403]);
    account.revoke(&here)?;
    assert_eq!(statuses()?, [403, 403, 403]);
    account.delete()?;
    Ok(())
}

#[test]
fn a_certificate_says_who_somebody_is_as_long_as_it_is_good() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    for (good, group, expected) in [
        (Good::Always, Some("system:masters"), 200),
        (Good::Always, None, 403),
        (Good::Once, Some("system:masters"), 401),
    ] {
        let certificate = cluster.authority().person("ada", group, good)?;
        let answer = cluster
            .endpoint()
            .client_with(&certificate)?
            .ask(DEFAULT, &Verb::Read)?;
        assert_eq!(answer.status, expected, "{good:?} {group:?}: {answer:?}");
    }
    Ok(())
}

#[test]
fn a_server_can_forget_be_paused_and_be_killed_and_its_objects_stay() -> anyhow::Result<()> {
    let mut cluster = Cluster::with(Memory::Etcd, Disk::Lazy)?;
    let address = cluster.endpoint().address;
    let mut client = cluster.client()?;
    let made = client.create(DEFAULT, config_map("kept"))?;
    client.done(
        &format!("{DEFAULT}/kept"),
        &Verb::Merge(json!({"data": {"value": "second"}})),
    )?;
    let watch = format!("{DEFAULT}?watch=true&resourceVersion={}", version(&made)?);
    let seen = client.lines(&watch, 1)?;
    assert_eq!(seen[0]["type"], "MODIFIED", "{seen:?}");
    cluster.compact()?;
    let seen = client.lines(&watch, 1)?;
    assert_eq!(seen[0]["object"]["code"], 410, "{seen:?}");

    let id = cluster.id();
    let paused = cluster.pause()?;
    assert!(is_stopped(id));
    let asking = thread::spawn(move || client.get(DEFAULT));
    drop(paused);
    let answered = asking.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
    assert!(answered.is_some());

    let endpoint = cluster.endpoint();
    let stopped = cluster.kill()?;
    let refused = endpoint.client("any")?.ask(DEFAULT, &Verb::Read);
    assert!(refused.is_err(), "{refused:?}");
    let cluster = stopped.start()?;
    assert_eq!(cluster.endpoint().address, address);
    let kept = cluster
        .client()?
        .get(&format!("{DEFAULT}/kept"))?
        .context("the object")?;
    assert_eq!(
        (&kept["data"]["value"], &kept["metadata"]["uid"]),
        (&json!("second"), &made["metadata"]["uid"])
    );
    Ok(())
}
