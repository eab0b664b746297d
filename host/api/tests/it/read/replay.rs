//! What a watcher makes of the events of a watch equals the store, whatever is written meanwhile.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::fixture::{Fixture, config_map};

/// The value of the last write, after which a watcher stops.
const LAST: &str = "last";

/// What asks a watch to begin with the state, and to say where that ends.
const WITH_STATE: &str = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

#[derive(Clone, Debug)]
enum Step {
    Put {
        namespace: &'static str,
        name: &'static str,
        labels: &'static str,
        value: u8,
    },
    Delete {
        namespace: &'static str,
        name: &'static str,
    },
    /// Something that no watcher here looks at.
    Elsewhere,
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let namespace = || prop::sample::select(vec!["other", "shop"]);
    let name = || prop::sample::select(vec!["a", "b", "c"]);
    let labels = prop::sample::select(vec!["", "tier=x", "tier=y"]);
    let step = prop_oneof![
        6 => (namespace(), name(), labels, 0..4_u8).prop_map(|(namespace, name, labels, value)| Step::Put {
            namespace,
            name,
            labels,
            value
        }),
        3 => (namespace(), name()).prop_map(|(namespace, name)| Step::Delete { namespace, name }),
        1 => Just(Step::Elsewhere),
    ];
    prop::collection::vec(step, 0..most)
}

async fn write(fixture: &Fixture, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put {
                namespace,
                name,
                labels,
                value,
            } => {
                fixture
                    .put(config_map(namespace, name, labels, &value.to_string()))
                    .await;
            }
            Step::Delete { namespace, name } => {
                let path = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
                if fixture.ask(&path).await.code.is_success() {
                    fixture.delete(&config_map(namespace, name, "", "")).await;
                }
            }
            Step::Elsewhere => {
                let mut secret = config_map("shop", "a", "", &fixture.revision().to_string());
                secret["kind"] = "Secret".into();
                fixture.put(secret).await;
            }
        }
    }
}

type State = BTreeMap<String, Value>;

fn key(object: &Value) -> String {
    format!("{}/{}", object["metadata"]["namespace"], object["metadata"]["name"])
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

/// Applies the events of a watch until it shows the last write; each has to fit the state, and to come in order.
async fn replay(fixture: &Fixture, path: &str, mut state: State, after: Option<u64>) -> State {
    let mut watch = fixture.watch(path).await;
    // The state that a watch begins with comes in the order of names, and ends with a bookmark.
    let mut reached = after;
    loop {
        let event = watch.event().await;
        let object = event["object"].clone();
        let at = revision(&object);
        assert!(
            reached.is_none_or(|reached| at > reached),
            "{path}: {event} after {reached:?}"
        );
        let kind = event["type"].as_str().unwrap();
        let before = match kind {
            "BOOKMARK" => None,
            "ADDED" | "MODIFIED" => state.insert(key(&object), object),
            "DELETED" => state.remove(&key(&object)),
            other => panic!("{other}"),
        };
        assert_eq!(
            before.is_some(),
            ["MODIFIED", "DELETED"].contains(&kind),
            "{path}: {event}"
        );
        if kind == "BOOKMARK" || reached.is_some() {
            reached = Some(at);
        }
        if reached.is_some() && state.values().any(|object| object["data"]["v"] == LAST) {
            return state;
        }
    }
}

async fn listed(fixture: &Fixture, path: &str) -> (State, u64) {
    let list = fixture.ask(path).await.body;
    let items = list["items"].as_array().unwrap().iter();
    (items.map(|item| (key(item), item.clone())).collect(), revision(&list))
}

async fn check(before: &[Step], meanwhile: &[Step]) {
    let fixture = Fixture::new();
    let queries = [
        "/api/v1/configmaps?x=y",
        "/api/v1/configmaps?labelSelector=tier%3Dx",
        "/api/v1/configmaps?labelSelector=tier!%3Dy",
        "/api/v1/namespaces/shop/configmaps?labelSelector=tier",
        "/api/v1/configmaps?fieldSelector=metadata.name%3Da",
        "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Da",
    ];
    // A watch from revision 0 would begin with the state.
    write(&fixture, &[Step::Elsewhere]).await;
    write(&fixture, before).await;
    let mut begun = Vec::new();
    for path in queries {
        let (state, at) = listed(&fixture, path).await;
        let resumed = format!("{path}&watch=true&resourceVersion={at}");
        begun.push((path, resumed, state, Some(at)));
        begun.push((path, format!("{path}&watch=true&{WITH_STATE}"), State::new(), None));
    }
    let watchers = begun.into_iter().map(|(path, watch, state, after)| {
        let fixture = &fixture;
        async move { (path, replay(fixture, &watch, state, after).await) }
    });
    let writes = async {
        write(&fixture, meanwhile).await;
        // Everybody here sees this one.
        fixture.put(config_map("shop", "a", "tier=x", LAST)).await;
    };
    let (replayed, ()) = tokio::join!(futures_util::future::join_all(watchers), writes);
    for (path, state) in replayed {
        assert_eq!(state, listed(&fixture, path).await.0, "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_replay_of_a_watch_is_the_store(before in steps(20), meanwhile in steps(60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(check(&before, &meanwhile));
    }
}
