//! A source that was away goes on where it was, and lists only when the cluster has forgotten what happened meanwhile.

use k1s_tests::cluster::{ADMIN_TOKEN, Client, Cluster, Disk, Memory, User, Verb, Write};
use k1s_tests::daemon::Daemon;
use k1s_tests::proxy::{Asked, Kind, Proxy};
use k1s_tests::scene::Scene;
use serde_json::json;

use crate::server::config_map;
use crate::stage::{Stage, until_same};

/// Objects before the source is away: of so many, a dozen may go without a question.
const OBJECTS: usize = 60;

/// A namespace, and a source of its ConfigMaps behind a proxy.
struct Followed {
    proxy: Proxy,
    stage: Stage,
    client: Client,
    collection: String,
}

impl Followed {
    fn new(cluster: &Cluster, namespace: &str) -> anyhow::Result<Self> {
        let mut client = cluster.client()?;
        client.namespace(namespace, json!({}))?;
        let collection = format!("/api/v1/namespaces/{namespace}/configmaps");
        cluster.write_all(&made(&collection, 0..OBJECTS))?;
        let proxy = Proxy::before(cluster)?;
        let config = json!({"kinds": {"allow": ["configmaps"]}, "namespaces": {"allow": [namespace]}});
        let stage = Stage::at(proxy.endpoint(), User::Token(ADMIN_TOKEN.to_owned()), config);
        Ok(Self {
            proxy,
            stage,
            client,
            collection,
        })
    }

    /// Lets the source run over a scene until the store is as the cluster.
    fn follow(&mut self, scene: Scene) -> anyhow::Result<Daemon> {
        let daemon = self.stage.again(scene)?;
        until_same(&daemon, &mut self.client, "configmaps", &[&self.collection])?;
        Ok(daemon)
    }

    fn delete(&mut self, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
        for number in numbers {
            self.client
                .done(&format!("{}/{}", self.collection, name(number)), &Verb::Delete)?;
        }
        Ok(())
    }

    /// What was asked for ConfigMaps since so many requests.
    fn asked_since(&self, before: usize) -> anyhow::Result<Vec<Asked>> {
        let mut asked = self.proxy.asked()?.split_off(before);
        asked.retain(|asked| asked.resource == "configmaps");
        Ok(asked)
    }
}

fn name(number: usize) -> String {
    format!("m-{number:04}")
}

fn made(collection: &str, numbers: std::ops::Range<usize>) -> Vec<Write> {
    let write = |number| Write {
        path: collection.to_owned(),
        verb: Verb::Create(config_map(&name(number))),
    };
    numbers.map(write).collect()
}

fn is_list(asked: &Asked) -> bool {
    matches!(asked.kind, Kind::List | Kind::WatchList)
}

#[test]
fn after_a_thousand_changes_elsewhere_nothing_is_listed() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut followed = Followed::new(cluster, "resume-thousand")?;
    let scene = followed.follow(Scene::new()?)?.stop()?;
    let before = followed.proxy.asked()?.len();
    assert!(
        followed.asked_since(0)?.iter().any(is_list),
        "the first time it has to list"
    );

    let mut changes = made(&followed.collection, OBJECTS..OBJECTS + 700);
    cluster.write_all(&changes)?;
    changes = (0..290)
        .map(|number| Write {
            path: format!("{}/{}", followed.collection, name(number)),
            verb: Verb::Merge(json!({"data": {"value": format!("changed {number}")}})),
        })
        .collect();
    cluster.write_all(&changes)?;
    followed.delete(300..310)?;

    let daemon = followed.follow(scene)?;
    let asked = followed.asked_since(before)?;
    assert!(!asked.iter().any(is_list), "{asked:#?}");
    assert!(asked.iter().any(|asked| asked.kind == Kind::Watch), "{asked:#?}");
    daemon.stop().map(drop)
}

#[test]
fn deletes_meanwhile_are_found_by_watching_while_the_cluster_remembers_and_by_listing_when_not() -> anyhow::Result<()> {
    let mut cluster = Cluster::with(Memory::Etcd, Disk::Lazy)?;
    let mut followed = Followed::new(&cluster, "resume-deletes")?;
    let scene = followed.follow(Scene::new()?)?.stop()?;

    let before = followed.proxy.asked()?.len();
    followed.delete(0..3)?;
    let scene = followed.follow(scene)?.stop()?;
    let asked = followed.asked_since(before)?;
    assert!(!asked.iter().any(is_list), "{asked:#?}");

    let before = followed.proxy.asked()?.len();
    followed.delete(3..6)?;
    cluster.compact()?;
    let scene = followed.follow(scene)?.stop()?;
    let asked = followed.asked_since(before)?;
    assert!(asked.iter().any(is_list), "{asked:#?}");
    assert_eq!(scene.objects("configmaps")?.len(), OBJECTS - 6);

    // Only what is there is forgotten now, and nothing of it has changed.
    let before = followed.proxy.asked()?.len();
    let scene = followed.follow(scene)?.stop()?;
    let asked = followed.asked_since(before)?;
    assert!(!asked.iter().any(is_list), "{asked:#?}");
    assert_eq!(scene.objects("configmaps")?.len(), OBJECTS - 6);
    Ok(())
}

#[test]
fn a_server_that_starts_again_is_followed_again() -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let mut followed = Followed::new(&cluster, "resume-server")?;
    let daemon = followed.follow(Scene::new()?)?;
    let cluster = cluster.kill()?.start()?;
    followed.client = cluster.client()?;
    followed.delete(0..3)?;
    cluster.write_all(&made(&followed.collection, 100..110))?;
    until_same(&daemon, &mut followed.client, "configmaps", &[&followed.collection])?;
    daemon.stop().map(drop)
}

#[test]
fn a_server_that_stands_still_takes_nothing_away() -> anyhow::Result<()> {
    let mut cluster = Cluster::start()?;
    let mut followed = Followed::new(&cluster, "resume-pause")?;
    let mut daemon = followed.follow(Scene::new()?)?;
    let paused = cluster.pause()?;
    // Whoever begins meanwhile waits.
    let asking = daemon.scene.host(&["sync", crate::stage::SOURCE])?;
    assert_eq!(asking.status.code(), Some(0), "{asking:?}");
    assert_eq!(daemon.scene.objects("configmaps")?.len(), OBJECTS);
    drop(paused);
    cluster.write_all(&made(&followed.collection, 100..101))?;
    daemon.until("created", "ConfigMap resume-pause/m-0100", 1)?;
    until_same(&daemon, &mut followed.client, "configmaps", &[&followed.collection])?;
    assert!(daemon.deleted()?.is_empty(), "{:?}", daemon.deleted()?);
    daemon.stop().map(drop)
}
