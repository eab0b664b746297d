//! What a tree declares, and what stays when parts of it cannot be read.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::host::{Folder, map};

#[tokio::test]
async fn a_tree_is_declared_in_the_order_of_paths() {
    let mut folder = Folder::new();
    folder.write("b.yaml", map("b", "1"));
    folder.write(
        "a/many.yaml",
        format!(
            "# first\n{}---\n{}---\n{}",
            map("m1", "1"),
            map("m2", "1"),
            map("m3", "1")
        ),
    );
    folder.write(
        "a.json",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j"}}"#,
    );
    folder.write("list.yml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l2}}\n");
    folder.write("values.yaml", "replicas: 3\n");
    folder.write("kustomization.yaml", "resources: [b.yaml]\n");
    folder.write("chart/Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n");
    folder.write("chart/templates/x.yaml", "kind: {{ .Values.kind }}\n");
    folder.write("empty.yaml", "# nothing\n");
    let listing = folder.sync().await;
    assert_eq!(
        listing.lines(),
        [
            "upsert ConfigMap j a.json:1",
            "upsert ConfigMap m1 a/many.yaml:2",
            "upsert ConfigMap m2 a/many.yaml:9",
            "upsert ConfigMap m3 a/many.yaml:16",
            "upsert ConfigMap b b.yaml:1",
            "ignored NOT_AN_OBJECT chart/Chart.yaml",
            "ignored NOT_AN_OBJECT chart/templates/x.yaml",
            "ignored NOT_AN_OBJECT kustomization.yaml:1",
            "upsert ConfigMap l1 list.yml:1",
            "upsert ConfigMap l2 list.yml:1",
            "ignored NOT_AN_OBJECT values.yaml:1",
        ]
    );
    assert!(listing.is_complete());
    let uri = format!("file://{}", folder.scope());
    assert!(
        listing
            .events
            .iter()
            .all(|event| event.provenance.as_ref().unwrap().uri == uri)
    );
    let documents: Vec<_> = listing.events[1..4]
        .iter()
        .map(|event| event.provenance.as_ref().unwrap().document)
        .collect();
    assert_eq!(documents, [0, 1, 2]);
}

#[tokio::test]
async fn a_thousand_files_keep_their_order() {
    let mut folder = Folder::new();
    for number in 0..1000 {
        folder.write(
            &format!("d{}/f{number:04}.yaml", number % 7),
            map(&format!("m{number}"), "1"),
        );
    }
    let listing = folder.sync().await;
    assert_eq!(listing.events.len(), 1000);
    let paths: Vec<_> = listing
        .events
        .iter()
        .map(|event| event.provenance.clone().unwrap().path)
        .collect();
    assert!(paths.is_sorted());
}

#[tokio::test]
async fn a_broken_document_keeps_what_its_file_declared_until_mended() {
    let mut folder = Folder::new();
    let file = |middle: &str| format!("{}---\n{middle}---\n{}", map("first", "1"), map("last", "1"));
    folder.write("many.yaml", file(&map("middle", "1")));
    folder.sync().await;
    assert_eq!(folder.inventory.lines().len(), 3);

    folder.write(
        "many.yaml",
        format!("{}---\na: [\n---\n{}", map("first", "2"), map("last", "2")),
    );
    for _ in 0..2 {
        let listing = folder.sync().await;
        assert!(listing.is_complete());
        assert_eq!(
            listing.count("failed DATA_INVALID many.yaml:"),
            1,
            "{:?}",
            listing.lines()
        );
        assert_eq!(
            folder.inventory.lines(),
            [
                "ConfigMap first from many.yaml = 2",
                "ConfigMap last from many.yaml = 2",
                "ConfigMap middle from many.yaml = 1"
            ]
        );
    }
    folder.write("many.yaml", format!("{}---\n{}", map("first", "3"), map("last", "3")));
    let listing = folder.sync().await;
    assert_eq!(listing.messages(), [""; 0]);
    assert_eq!(folder.inventory.lines().len(), 2);
}

#[tokio::test]
async fn deletes_and_renames_are_found() {
    let mut folder = Folder::new();
    for name in ["a", "b", "c"] {
        folder.write(&format!("{name}.yaml"), map(name, "1"));
    }
    folder.sync().await;
    folder.remove("a.yaml");
    fs::create_dir(folder.at("sub")).unwrap();
    fs::rename(folder.at("b.yaml"), folder.at("sub/z.yaml")).unwrap();
    let listing = folder.sync().await;
    assert_eq!(listing.messages(), [""; 0]);
    assert_eq!(
        folder.inventory.lines(),
        ["ConfigMap b from sub/z.yaml = 1", "ConfigMap c from c.yaml = 1"]
    );
}

#[tokio::test]
async fn the_lowest_path_declares_a_key_and_the_other_is_named() {
    let mut folder = Folder::new();
    folder.write("z.yaml", map("same", "z"));
    folder.sync().await;
    folder.write("a.yaml", map("same", "a"));
    for _ in 0..3 {
        let listing = folder.sync().await;
        assert!(listing.is_complete());
        assert_eq!(folder.inventory.lines(), ["ConfigMap same from a.yaml = a"]);
        let duplicates: Vec<_> = listing
            .lines()
            .into_iter()
            .filter(|line| line.starts_with("failed"))
            .collect();
        assert_eq!(duplicates, ["failed DUPLICATE_KEY ConfigMap same z.yaml:1:1"]);
        assert!(listing.messages()[0].contains("a.yaml"), "{:?}", listing.messages());
    }
    folder.write("z.yaml", map("same", "z2"));
    folder.sync().await;
    assert_eq!(folder.inventory.lines(), ["ConfigMap same from a.yaml = a"]);

    folder.remove("a.yaml");
    let listing = folder.sync().await;
    assert_eq!(listing.lines(), ["upsert ConfigMap same z.yaml:1"]);
    assert_eq!(folder.inventory.lines(), ["ConfigMap same from z.yaml = z2"]);
}

#[tokio::test]
async fn a_file_that_fails_goes_on_declaring_what_it_declared() {
    let mut folder = Folder::new();
    folder.write("a.yaml", map("same", "a"));
    folder.sync().await;
    folder.write("a.yaml", "a: [");
    folder.write("z.yaml", map("same", "z"));
    for _ in 0..2 {
        folder.sync().await;
        assert_eq!(folder.inventory.lines(), ["ConfigMap same from a.yaml = a"]);
    }
}

#[tokio::test]
async fn followed_links_declare_through_their_own_path() {
    let mut folder = Folder::with(json!({"followSymlinks": true}));
    folder.write("..1/x.yaml", map("x", "1"));
    folder.write("..2/x.yaml", map("x", "2"));
    symlink("..1", folder.at("..data")).unwrap();
    symlink("..data/x.yaml", folder.at("x.yaml")).unwrap();
    folder.sync().await;
    assert_eq!(folder.inventory.lines(), ["ConfigMap x from x.yaml = 1"]);
    symlink("..2", folder.at("..next")).unwrap();
    fs::rename(folder.at("..next"), folder.at("..data")).unwrap();
    folder.sync().await;
    assert_eq!(folder.inventory.lines(), ["ConfigMap x from x.yaml = 2"]);
    folder.remove("..2/x.yaml");
    let listing = folder.sync().await;
    assert_eq!(listing.lines(), ["failed DATA_INVALID x.yaml"]);
    assert_eq!(folder.inventory.lines(), ["ConfigMap x from x.yaml = 2"]);
}

/// Lists a folder of `a.yaml`, `dir/b.yaml` and `z.yaml` while `before` has happened to it and `meanwhile` happens
/// between the two looks.
async fn list_twice(before: impl Fn(&Folder), meanwhile: impl Fn(&Folder)) -> (Folder, Vec<String>) {
    let mut folder = Folder::new();
    folder.write("a.yaml", map("a", "1"));
    folder.write("dir/b.yaml", map("b", "1"));
    folder.write("z.yaml", map("z", "1"));
    folder.sync().await;
    before(&folder);
    let mut session = folder.open().await;
    let mut first_look_is_over = false;
    let (_, listing) = session
        .listing_watched(|line| {
            if line.ends_with("z.yaml") && !std::mem::replace(&mut first_look_is_over, true) {
                meanwhile(&folder);
            }
        })
        .await;
    session.close().await;
    assert!(first_look_is_over);
    folder.inventory.apply(&listing);
    assert!(listing.is_complete(), "{:?}", listing.problems);
    let lines = listing.lines();
    (folder, lines)
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_looked_for_is_found() {
    let replaced = |folder: &Folder| folder.write("a.yaml", map("a", "2"));
    let (folder, lines) = list_twice(|folder| folder.remove("a.yaml"), replaced).await;
    assert_eq!(
        lines,
        [
            "seen ConfigMap b dir/b.yaml",
            "seen ConfigMap z z.yaml",
            "upsert ConfigMap a a.yaml:1"
        ]
    );
    assert_eq!(folder.inventory.lines()[0], "ConfigMap a from a.yaml = 2");
}

#[tokio::test]
async fn a_directory_that_moves_behind_the_walk_is_found() {
    let aside = |folder: &Folder| fs::rename(folder.at("dir"), folder.at(".aside")).unwrap();
    let back = |folder: &Folder| fs::rename(folder.at(".aside"), folder.at("another")).unwrap();
    let (folder, lines) = list_twice(aside, back).await;
    assert_eq!(
        lines,
        [
            "seen ConfigMap a a.yaml",
            "seen ConfigMap z z.yaml",
            "upsert ConfigMap b another/b.yaml:1"
        ]
    );
    assert_eq!(folder.inventory.lines()[1], "ConfigMap b from another/b.yaml = 1");
}

#[tokio::test]
async fn a_file_that_comes_back_broken_keeps_what_it_declared() {
    let broken = |folder: &Folder| folder.write("a.yaml", "a: [");
    let (folder, lines) = list_twice(|folder| folder.remove("a.yaml"), broken).await;
    assert_eq!(lines[2], "failed DATA_INVALID a.yaml:1:5");
    assert_eq!(folder.inventory.lines().len(), 3);
}

#[tokio::test]
async fn what_the_second_look_does_not_find_is_gone() {
    let unrelated = |folder: &Folder| folder.write("new.yaml", map("new", "1"));
    let (folder, lines) = list_twice(|folder| folder.remove("a.yaml"), unrelated).await;
    assert_eq!(lines, ["seen ConfigMap b dir/b.yaml", "seen ConfigMap z z.yaml"]);
    assert_eq!(
        folder.inventory.lines(),
        ["ConfigMap b from dir/b.yaml = 1", "ConfigMap z from z.yaml = 1"]
    );
}

#[tokio::test]
async fn a_key_below_an_unreadable_directory_is_not_anothers_to_declare() {
    let mut folder = Folder::new();
    folder.write("dir/b.yaml", map("same", "first"));
    folder.sync().await;
    folder.write("dir/.k1signore", "[z-a]\n");
    folder.write("z.yaml", map("same", "second"));
    let listing = folder.sync().await;
    assert_eq!(
        listing.lines(),
        [
            "failed DATA_INVALID dir",
            "failed DUPLICATE_KEY ConfigMap same z.yaml:1:1"
        ]
    );
    assert_eq!(folder.inventory.lines(), ["ConfigMap same from dir/b.yaml = first"]);
}
