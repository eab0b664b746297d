//! Changes as they come: edits, deletes, new directories, and what decides about other files.

use std::fs;
use std::os::unix::fs::symlink;

use k1s_source_proto::v1::sync_request::Reason;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::host::{Folder, Watched, count, map};

/// More events than the kernel keeps for a process that does not listen.
fn more_than_the_queue() -> usize {
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    most.trim().parse::<usize>().unwrap() + 1_000
}

#[tokio::test]
async fn an_edit_is_sent_and_an_unchanged_file_is_not() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1")), ("b.yaml", &map("b", "1"))]).await;
    live.folder.write("a.yaml", map("a", "2"));
    live.folder.write("b.yaml", map("b", "1"));
    live.until(&["ConfigMap a from a.yaml = 2", "ConfigMap b from b.yaml = 1"])
        .await;
    assert_eq!(live.settle().await, ["upsert ConfigMap a a.yaml:1"]);
    live.session.stop().await;
}

#[tokio::test]
async fn a_file_that_is_removed_is_deleted_once() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1")), ("b.yaml", &map("b", "1"))]).await;
    live.folder.remove("a.yaml");
    live.until(&["ConfigMap b from b.yaml = 1"]).await;
    assert_eq!(live.settle().await, ["delete ConfigMap a a.yaml"]);
    live.session.stop().await;
}

#[tokio::test]
async fn a_document_that_is_removed_is_deleted_and_its_neighbours_stay() {
    let text = format!("{}---\n{}", map("a", "1"), map("b", "1"));
    let mut live = Watched::with(json!({}), &[("many.yaml", &text)]).await;
    live.folder.write("many.yaml", map("b", "2"));
    live.until(&["ConfigMap b from many.yaml = 2"]).await;
    assert_eq!(
        live.said,
        ["upsert ConfigMap b many.yaml:1", "delete ConfigMap a many.yaml"]
    );
    live.session.stop().await;
}

#[tokio::test]
async fn what_is_removed_and_comes_back_is_not_deleted() {
    let mut live = Watched::with(json!({"deleteSettle": "400ms"}), &[("a.yaml", &map("a", "1"))]).await;
    for round in 2..6 {
        live.folder.remove("a.yaml");
        live.folder.write("a.yaml", map("a", &round.to_string()));
    }
    live.until(&["ConfigMap a from a.yaml = 5"]).await;
    live.folder.write("a.yaml", "");
    live.folder.write("a.yaml", map("a", "6"));
    live.until(&["ConfigMap a from a.yaml = 6"]).await;
    assert_eq!(count(&live.settle().await, "delete"), 0);
    live.session.stop().await;
}

#[tokio::test]
async fn new_deep_trees_are_found_whole() {
    let mut live = Watched::with(json!({"debounce": "0"}), &[("a.yaml", &map("a", "1"))]).await;
    let mut expected = vec!["ConfigMap a from a.yaml = 1".to_owned()];
    for number in 0..50 {
        let path = format!("new/{number}/deep/er/still/m.yaml");
        live.folder.write(&path, map(&format!("m{number}"), "1"));
        expected.push(format!("ConfigMap m{number} from {path} = 1"));
    }
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    live.until(&expected).await;
    live.folder.write("new/49/deep/er/still/m.yaml", map("m49", "2"));
    live.until_said("upsert ConfigMap m49 new/49/deep/er/still/m.yaml:1")
        .await;
    fs::remove_dir_all(live.folder.at("new")).unwrap();
    live.until(&["ConfigMap a from a.yaml = 1"]).await;
    live.session.stop().await;
}

#[tokio::test]
async fn lost_events_lead_to_a_listing() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1")), ("b.yaml", &map("b", "1"))]).await;
    live.session.until_waiting().await;
    let plugin = Pid::from_raw(live.session.plugin.id().try_into().unwrap()).unwrap();
    kill_process(plugin, Signal::STOP).unwrap();
    // Alternating names: two alike in a row would be one event.
    for number in 0..more_than_the_queue() {
        fs::create_dir_all(live.folder.at(&format!("d{}", number % 2))).unwrap();
        fs::remove_dir(live.folder.at(&format!("d{}", number % 2))).unwrap();
    }
    live.folder.write("a.yaml", map("a", "2"));
    live.folder.remove("b.yaml");
    kill_process(plugin, Signal::CONT).unwrap();
    live.until(&["ConfigMap a from a.yaml = 2"]).await;
    assert_eq!(count(&live.said, "listing complete"), 1, "{:?}", live.said);
    live.folder.write("c.yaml", map("c", "1"));
    live.until(&["ConfigMap a from a.yaml = 2", "ConfigMap c from c.yaml = 1"])
        .await;
    live.session.stop().await;
}

#[tokio::test]
async fn ignore_files_decide_about_what_lies_below_them() {
    let files = [
        ("x/a.yaml", map("a", "1")),
        ("x/sub/b.yaml", map("b", "1")),
        ("c.yaml", map("c", "1")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut live = Watched::with(json!({}), &files).await;
    let all = [
        "ConfigMap a from x/a.yaml = 1",
        "ConfigMap b from x/sub/b.yaml = 1",
        "ConfigMap c from c.yaml = 1",
    ];
    live.folder.write("x/.k1signore", "sub/\n");
    live.until(&[all[0], all[2]]).await;
    live.folder.write("x/.k1signore", "# nothing\n");
    live.until(&all).await;
    live.folder.write(".k1signore", "a.yaml\n");
    live.until(&all[1..]).await;
    live.folder.remove(".k1signore");
    live.until(&all).await;
    live.session.stop().await;
}

#[tokio::test]
async fn a_chart_takes_its_templates_with_it() {
    let mut live = Watched::with(json!({}), &[("x/templates/a.yaml", &map("a", "1"))]).await;
    live.folder
        .write("x/Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n");
    live.until(&[]).await;
    assert!(
        live.said
            .contains(&"ignored NOT_AN_OBJECT x/templates/a.yaml".to_owned()),
        "{:?}",
        live.said
    );
    live.folder.remove("x/Chart.yaml");
    live.until(&["ConfigMap a from x/templates/a.yaml = 1"]).await;
    live.session.stop().await;
}

#[tokio::test]
async fn a_configmap_volume_is_swapped_without_a_delete() {
    let folder = Folder::with(json!({"followSymlinks": true, "debounce": "20ms", "deleteSettle": "150ms"}));
    let fill = |version: &str, value: &str| {
        folder.write(&format!("..{version}/a.yaml"), map("a", value));
        folder.write(&format!("..{version}/b.yaml"), map("b", value));
    };
    fill("2026_01", "1");
    fill("2026_02", "2");
    symlink("..2026_01", folder.at("..data")).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        symlink(format!("..data/{name}"), folder.at(name)).unwrap();
    }
    let mut live = Watched::begin(folder).await;
    for (version, other, value) in [("2026_02", "2026_01", "2"), ("2026_01", "2026_02", "1")] {
        symlink(format!("..{version}"), live.folder.at("..data_tmp")).unwrap();
        fs::rename(live.folder.at("..data_tmp"), live.folder.at("..data")).unwrap();
        let expected = ["a", "b"].map(|name| format!("ConfigMap {name} from {name}.yaml = {value}"));
        live.until(&expected.each_ref().map(String::as_str)).await;
        assert!(live.folder.at(&format!("..{other}")).exists());
    }
    // The kubelet writes into a directory that no walk enters.
    live.folder.write("..2026_01/a.yaml", map("a", "9"));
    live.until(&["ConfigMap a from a.yaml = 9", "ConfigMap b from b.yaml = 1"])
        .await;
    assert_eq!(count(&live.settle().await, "delete"), 0);
    live.session.stop().await;
}

#[tokio::test]
async fn polling_finds_what_nobody_tells() {
    let mut live = Watched::with(
        json!({"pollInterval": "30ms"}),
        &[("a.yaml", &map("a", "1")), ("x.yaml", "a: [")],
    )
    .await;
    live.folder.write("a.yaml", map("a", "2"));
    live.folder.write("deep/b.yaml", map("b", "1"));
    live.until(&["ConfigMap a from a.yaml = 2", "ConfigMap b from deep/b.yaml = 1"])
        .await;
    fs::rename(live.folder.at("deep/b.yaml"), live.folder.at("b.yaml")).unwrap();
    live.folder.remove("a.yaml");
    live.until(&["ConfigMap b from b.yaml = 1"]).await;
    assert_eq!(count(&live.said, "delete ConfigMap b"), 0);
    live.settle().await;
    assert_eq!(
        count(&live.settle().await, "failed"),
        0,
        "what was said is not said again"
    );
    live.session.stop().await;
}

#[tokio::test]
async fn orders_are_obeyed_and_idleness_is_said_while_watching() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1"))]).await;
    live.session.until_waiting().await;
    live.folder.write("a.yaml", map("a", "2"));
    live.until(&["ConfigMap a from a.yaml = 2"]).await;
    live.session.until_waiting().await;
    let listing = live.sync(Reason::Requested).await;
    assert!(listing.is_complete());
    assert_eq!(listing.lines(), ["seen ConfigMap a a.yaml"]);
    live.folder.write("a.yaml", map("a", "3"));
    live.until(&["ConfigMap a from a.yaml = 3"]).await;
    let listing = live.sync(Reason::ForgetKnown).await;
    assert_eq!(listing.lines(), ["upsert ConfigMap a a.yaml:1"]);
    live.session.stop().await;
}

#[tokio::test]
async fn without_watching_only_listings_tell() {
    let mut live = Watched::with(json!({"watch": false}), &[("a.yaml", &map("a", "1"))]).await;
    live.folder.write("a.yaml", map("a", "2"));
    live.session.until_waiting().await;
    assert_eq!(
        live.sync(Reason::Interval).await.lines(),
        ["upsert ConfigMap a a.yaml:1"]
    );
    assert_eq!(live.said, [""; 0]);
    live.session.stop().await;
}
