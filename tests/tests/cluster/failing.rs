//! A source before which everything fails that can: nothing is lost, and nothing that stays is ever away.

use std::time::Duration;

use anyhow::ensure;
use k1s_tests::cluster::{ADMIN_TOKEN, Client, Cluster, User, Verb, Write};
use k1s_tests::daemon::Daemon;
use k1s_tests::eventually;
use k1s_tests::proxy::{Asked, Face, Fault, Kind, Part, Proxy, Refusal, Rule, Skew};
use k1s_tests::scene::{DEADLINE, Scene};
use serde_json::{Value, json};

use crate::server::config_map;
use crate::stage::{SOURCE, Stage, until_same};

/// Objects that are always there.
const OBJECTS: usize = 40;
/// Changes of a minute of five hundred a second would take a machine of two cores as long.
const CHURN: usize = 10_000;

/// A namespace, and a host with a source of it behind a proxy.
struct Follower {
    proxy: Proxy,
    daemon: Daemon,
    client: Client,
    collection: String,
    changes: usize,
}

impl Follower {
    fn start(namespace: &str, more: &Value) -> anyhow::Result<Self> {
        let cluster = Cluster::shared()?;
        let mut client = cluster.client()?;
        client.namespace(namespace, json!({}))?;
        let collection = format!("/api/v1/namespaces/{namespace}/configmaps");
        let writes: Vec<Write> = (0..OBJECTS)
            .map(|number| Write {
                path: collection.clone(),
                verb: Verb::Create(config_map(&format!("m-{number}"))),
            })
            .collect();
        cluster.write_all(&writes)?;
        let proxy = Proxy::before(cluster)?;
        let mut config = json!({
            "kinds": {"allow": ["configmaps"]}, "namespaces": {"allow": [namespace]}, "pageSize": 15,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        let stage = Stage::at(proxy.endpoint(), User::Token(ADMIN_TOKEN.to_owned()), config);
        Ok(Self {
            proxy,
            daemon: stage.live(Scene::new()?)?,
            client,
            collection,
            changes: 0,
        })
    }

    /// Breaks the connections that changes come over, as soon as there are any.
    fn break_watches(&self) -> anyhow::Result<()> {
        eventually(DEADLINE, "something is watched", || {
            let broken = self.proxy.cut(Kind::Watch)? + self.proxy.cut(Kind::WatchList)?;
            Ok((broken > 0).then_some(()))
        })
    }

    /// Changes a few objects, and makes and deletes one.
    fn change(&mut self) -> anyhow::Result<()> {
        self.changes += 1;
        for number in 0..4 {
            let patch = json!({"data": {"value": format!("change {}", self.changes)}});
            self.client
                .done(&format!("{}/m-{number}", self.collection), &Verb::Merge(patch))?;
        }
        self.client.create(&self.collection, config_map("passing"))?;
        self.client
            .done(&format!("{}/passing", self.collection), &Verb::Delete)?;
        Ok(())
    }

    /// Waits until the store is as the cluster, and looks whether anything was away that is there.
    fn until_same(&mut self) -> anyhow::Result<()> {
        until_same(&self.daemon, &mut self.client, "configmaps", &[&self.collection])?;
        let deleted = self.daemon.deleted()?;
        ensure!(deleted.iter().all(|object| object.ends_with("/passing")), "{deleted:?}");
        Ok(())
    }
}

/// What can happen to a request that would have brought changes, one after the other.
fn faults() -> Vec<Fault> {
    let (second, blink) = (Duration::from_secs(1), Duration::from_millis(1));
    let day = Duration::from_secs(24 * 60 * 60);
    vec![
        Fault::Torn(Part::Lines(1)),
        Fault::Torn(Part::Halved(1)),
        Fault::Torn(Part::Bytes(0)),
        Fault::Ended(Part::Lines(2)),
        Fault::Ended(Part::Halved(0)),
        Fault::expired(Part::Lines(0)),
        Fault::expired(Part::Lines(3)),
        Fault::Refused(Refusal::gone()),
        Fault::Refused(Refusal::throttled().after(second)),
        Fault::Refused(Refusal::unavailable()),
        Fault::Refused(Refusal::unauthorized()),
        Fault::Broken,
        Fault::Slow(100, blink),
        Fault::Dated(Skew::Ahead(day)),
        Fault::Dated(Skew::Behind(day)),
    ]
}

#[test]
fn a_watch_that_fails_in_any_way_loses_nothing() -> anyhow::Result<()> {
    let mut follower = Follower::start("failing-watch", &json!({}))?;
    for fault in faults() {
        follower
            .proxy
            .follow([Rule::next(Kind::Watch, fault.clone()).of("configmaps")])?;
        let before = follower.proxy.count(Kind::Watch)?;
        follower.break_watches()?;
        follower.change()?;
        follower
            .proxy
            .until(&format!("a watch fails with {fault:?}"), |asked| {
                asked.iter().filter(|asked| asked.kind == Kind::Watch).count() > before
            })?;
        follower.until_same()?;
    }
    Ok(())
}

#[test]
fn a_list_that_fails_in_any_way_proves_nothing() -> anyhow::Result<()> {
    let mut follower = Follower::start("failing-list", &json!({"watchList": false}))?;
    for fault in faults() {
        // The second page of three.
        follower
            .proxy
            .follow([Rule::next(Kind::List, fault).of("configmaps").but_for(1)])?;
        follower.change()?;
        let asked = follower.daemon.scene.host(&["sync", SOURCE, "--wait"])?;
        ensure!(matches!(asked.status.code(), Some(0 | 1)), "{asked:?}");
        follower.until_same()?;
    }
    Ok(())
}

#[test]
fn a_stream_that_lists_and_fails_in_any_way_proves_nothing() -> anyhow::Result<()> {
    let mut follower = Follower::start("failing-stream", &json!({"watchList": true}))?;
    for fault in faults() {
        follower
            .proxy
            .follow([Rule::next(Kind::WatchList, fault).of("configmaps")])?;
        follower.change()?;
        let asked = follower.daemon.scene.host(&["sync", SOURCE, "--wait"])?;
        ensure!(matches!(asked.status.code(), Some(0 | 1)), "{asked:?}");
        follower.until_same()?;
    }
    Ok(())
}

#[test]
fn a_storm_of_refusals_and_wrong_certificates_are_outlived() -> anyhow::Result<()> {
    let mut follower = Follower::start("failing-storm", &json!({}))?;
    for face in [Face::Expired, Face::Strange] {
        follower.proxy.show(face)?;
        follower.change()?;
        assert_eq!(follower.daemon.scene.objects("configmaps")?.len(), OBJECTS);
        follower.proxy.show(Face::Trusted)?;
        follower.until_same()?;
    }
    for kind in [Kind::Watch, Kind::List, Kind::WatchList, Kind::Discovery] {
        let storm = Fault::Refused(Refusal::unavailable());
        follower.proxy.follow([Rule::every(kind, storm).times(4)])?;
        follower.break_watches()?;
        follower.change()?;
        follower.until_same()?;
    }
    Ok(())
}

#[test]
fn ten_thousand_changes_behind_a_wire_that_breaks_arrive() -> anyhow::Result<()> {
    let mut follower = Follower::start("failing-churn", &json!({}))?;
    follower.proxy.follow([
        Rule::every(Kind::Watch, Fault::Torn(Part::Halved(700))),
        Rule::every(Kind::WatchList, Fault::Torn(Part::Halved(700))),
    ])?;
    // What is open was opened before there was a rule.
    follower.break_watches()?;
    let writes: Vec<Write> = (0..CHURN)
        .map(|number| Write {
            path: format!("{}/m-{}", follower.collection, number % OBJECTS),
            verb: Verb::Merge(json!({"data": {"value": format!("change {number}")}})),
        })
        .collect();
    Cluster::shared()?.write_all(&writes)?;
    follower.until_same()?;
    let torn = |asked: &&Asked| asked.is_over && matches!(asked.kind, Kind::Watch | Kind::WatchList);
    let torn = follower.proxy.asked()?.iter().filter(torn).count();
    ensure!(torn > 2, "it broke {torn} times");
    Ok(())
}
