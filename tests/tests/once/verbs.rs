//! The other verbs, on what a sync left.

use anyhow::ensure;
use k1s_tests::program::{host, run};
use serde_json::Value;

use crate::scene::{DEADLINE, Scene, config_map};

#[test]
fn get_answers_in_kubectls_forms() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.write(
        "b.yaml",
        &config_map("b", "2").replace("metadata:", "metadata:\n  labels: {tier: web}"),
    )?;
    scene.sync(0)?;
    let get = |arguments: &[&str]| -> anyhow::Result<String> {
        Ok(scene.host(&[&["get"], arguments].concat())?.expect_code(0)?.stdout)
    };
    assert_eq!(get(&["cm", "-n", "shop", "-o", "name"])?, "configmap/a\nconfigmap/b\n");
    assert_eq!(
        get(&["configmap", "-A", "-l", "tier=web", "-o", "name"])?,
        "configmap/b\n"
    );
    let table = get(&["ConfigMap", "-A"])?;
    ensure!(
        table.starts_with("NAMESPACE   NAME   DATA   AGE\nshop        a      1 "),
        "{table}"
    );
    let wide = get(&["cm", "-n", "shop", "-o", "wide"])?;
    ensure!(wide.contains("k1s-sync-fs   a.yaml:1"), "{wide}");

    let object: Value = serde_json::from_str(&get(&["cm", "a", "-n", "shop", "-o", "json"])?)?;
    assert_eq!(object.pointer("/data/value").and_then(Value::as_str), Some("1"));
    let annotation = |key: &str| object.pointer(&format!("/metadata/annotations/{}", key.replace('/', "~1")));
    assert_eq!(
        annotation("sync.k1s.io/source-path").and_then(Value::as_str),
        Some("a.yaml")
    );
    let id = annotation("sync.k1s.io/instance-id")
        .and_then(Value::as_str)
        .expect("an instance id");
    assert_eq!(
        annotation(&format!("sync.k1s.io/{id}/source")).and_then(Value::as_str),
        Some("k1s-sync-fs")
    );

    let exported = get(&["cm", "a", "-n", "shop", "-o", "yaml", "--export"])?;
    ensure!(
        exported.contains(&format!("{id}.sync.k1s.io/source: k1s-sync-fs")),
        "{exported}"
    );
    ensure!(!exported.contains("resourceVersion"), "{exported}");
    Ok(())
}

#[test]
fn what_is_not_there_is_said() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let none = scene.host(&["get", "cm"])?.expect_code(2)?;
    ensure!(none.stderr.contains("there is no store in"), "{}", none.stderr);
    ensure!(!scene.data_dir().exists(), "reading made a store");
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.sync(0)?;
    let kind = scene.host(&["get", "configmps"])?.expect_code(2)?;
    ensure!(kind.stderr.contains("did you mean configmaps"), "{}", kind.stderr);
    let name = scene.host(&["get", "cm", "b", "-n", "shop"])?.expect_code(2)?;
    ensure!(name.stderr.contains("configmaps \"b\" not found"), "{}", name.stderr);
    Ok(())
}

#[test]
fn an_answer_that_is_lost_is_a_failure() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.sync(0)?;
    for form in ["json", "name", "wide"] {
        let mut command = host(["get", "cm", "-A", "-o", form, "--data-dir"])?;
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
        let answer = command.arg(scene.data_dir()).stdout(full).output()?;
        let said = String::from_utf8_lossy(&answer.stderr);
        ensure!(answer.status.code() == Some(2), "{form}: {}", answer.status);
        ensure!(said.contains("the answer cannot be written"), "{form}: {said}");
    }
    Ok(())
}

#[test]
fn vet_finds_what_is_wrong_and_writes_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("good.yaml", &config_map("a", "1"))?;
    let vet = |code| {
        run(
            host(["vet"])?.arg(scene.manifests()).current_dir(scene.outside("")),
            DEADLINE,
        )?
        .expect_code(code)
    };
    let good = vet(0)?;
    ensure!(good.stdout.contains("1 objects are good, 0 are not"), "{}", good.stdout);
    scene.write("bad.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b\n")?;
    scene.write(
        "kind.yaml",
        "apiVersion: example.com/v1\nkind: Unheard\nmetadata: {name: c}\n",
    )?;
    let bad = vet(1)?;
    ensure!(bad.stdout.contains("manifests/bad.yaml:"), "{}", bad.stdout);
    ensure!(bad.stdout.contains("NO_KIND"), "{}", bad.stdout);
    ensure!(bad.stdout.contains("1 objects are good, 2 are not"), "{}", bad.stdout);
    Ok(())
}

#[test]
fn a_second_host_names_the_store_that_is_held() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    let mut first = k1s_tests::program::start(&mut scene.sync_command(&[])?)?;
    first.until_printed("live:", DEADLINE)?;
    let second = scene.sync(2)?;
    ensure!(
        second.stderr.contains("store.redb is in use by another process"),
        "{}",
        second.stderr
    );
    Ok(())
}
