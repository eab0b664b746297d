//! Peer: kubectl and a real kube-apiserver with etcd are given the same files as the host: `create` beside a first sync,
//! `apply` of what is already there beside a sync that finds nothing changed.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use k1s_tests::cluster::{ADMIN_TOKEN, Cluster, Disk, Kubeconfig, Memory, User};
use k1s_tests::kubectl::{Client, Kubectl};
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::figure::{Figure, Unit};
use super::ground::{Ground, settle};
use super::host;
use super::measured::Measured;
use super::row::Row;
use crate::{cost, manifests, objects};

const FIRST: Figure = Figure::told("first sync / create", Unit::Seconds);
const UNCHANGED: Figure = Figure::told("unchanged / apply", Unit::Seconds);
const FIRST_RATE: Figure = Figure::told("the same, rates", Unit::ObjectsPerSecond);
const UNCHANGED_RATE: Figure = Figure::told("the same of apply", Unit::ObjectsPerSecond);
/// Longest time for kubectl to handle every file: thirteen in a second, three minutes for 2,000, were measured.
const HANDLED: Duration = Duration::from_secs(30 * 60);

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let (root, objects) = (ground.beside_trees("peers"), ground.scale.peers);
    manifests::make(&root, objects)?;
    settle(&root, objects)?;
    let settings = [format!("path={}", root.display())];
    let data = ground.beside_stores("peers");
    let sync = |verdict: &str| {
        let expected = format!("{}{objects} {verdict} in ", host::SUMMARY);
        let finished = host::once(ground, FILESYSTEM_SOURCE, &settings, &data, &expected)?;
        anyhow::Ok(finished.side.cost.seconds)
    };
    let mut measured = Measured::default();
    for run in ground.runs() {
        let first = sync("created")?;
        // The first run that finds nothing new says so in the source's status.
        sync("unchanged")?;
        let unchanged = sync("unchanged")?;
        fs::remove_dir_all(&data)?;

        let peer = Peer::start(&ground.beside_stores(&format!("peer-{run}")))?;
        peer.make_namespaces(objects)?;
        let create = peer.handle(&["create", "--save-config"], &root, "created", objects)?;
        let apply = peer.handle(&["apply"], &root, "unchanged", objects)?;
        for (figure, rate, product, kubectl) in [
            (FIRST, FIRST_RATE, first, create),
            (UNCHANGED, UNCHANGED_RATE, unchanged, apply),
        ] {
            measured.compare(figure, product, kubectl);
            measured.compare(rate, objects as f64 / product, objects as f64 / kubectl);
        }
        peer.cluster.kill()?;
        measured.note(Row::Peer);
    }
    Ok(measured)
}

/// The server, with a client of it.
struct Peer {
    client: Client,
    cluster: Cluster,
}

impl Peer {
    /// Starts a server with nothing in it, which keeps its objects as it does by itself.
    fn start(directory: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let cluster = Cluster::below(directory, Memory::Cached, Disk::Synced)?;
        let kubeconfig = directory.join("kubeconfig");
        let administrator = User::Token(ADMIN_TOKEN.to_owned());
        Kubeconfig::of("peer", cluster.endpoint(), administrator).write(&kubeconfig)?;
        let client = Kubectl::ready()?.with(&kubeconfig)?;
        Ok(Self { client, cluster })
    }

    /// Makes every namespace, which the server does not do by itself.
    fn make_namespaces(&self, objects: u64) -> anyhow::Result<()> {
        let mut names: Vec<String> = (0..objects).map(objects::namespace).collect();
        names.dedup();
        for name in names {
            self.client.answer(["create", "namespace", &name])?;
        }
        Ok(())
    }

    /// Gives kubectl a folder, every object of which it has to say is of a verdict; returns how many seconds it took.
    fn handle(&self, verb: &[&str], root: &Path, verdict: &str, objects: u64) -> anyhow::Result<f64> {
        let mut arguments: Vec<OsString> = verb.iter().map(OsString::from).collect();
        arguments.extend(["-R".into(), "-f".into(), root.into()]);
        let begun = cost::now();
        let finished = self.client.start(arguments)?.wait(HANDLED)?.expect_code(0)?;
        let took = cost::now().saturating_sub(begun);
        let handled = finished.stdout.lines().filter(|line| line.ends_with(verdict)).count() as u64;
        ensure!(handled == objects, "{handled} of {objects} {verdict}");
        Ok(took.as_secs_f64())
    }
}
