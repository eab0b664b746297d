//! Start: from the start of a host with many objects in its file until its API says that it is ready.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k1s_api::server::Endpoint;
use k1s_tests::program::{self, FILESYSTEM_SOURCE};
use rustix::process::Signal;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::client::{self, Client};
use super::daemon::KUBECONFIG;
use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::host;
use super::many::Many;
use super::measured::Measured;
use super::row::Row;
use crate::cost;

const READY: Figure = Figure::aimed("ready", Unit::Seconds, Target::Most(0.3));
/// How long after a try that failed the next is made.
const BETWEEN_TRIES: Duration = Duration::from_millis(1);
/// Longest wait for a host to be ready, and to end.
const DEADLINE: Duration = Duration::from_secs(120);
/// What the API says that is ready.
const OK: &[u8] = b"ok";
/// A kind that the tree has.
const SOME: &str = "/api/v1/configmaps";

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let many = ground.many()?;
    let mut measured = Measured::default();
    // The first start chooses the port, which the later ones keep.
    start(ground, many)?;
    for _ in ground.runs() {
        measured.take(READY, start(ground, many)?.as_secs_f64());
        measured.note(Row::Start);
    }
    Ok(measured)
}

/// Starts a host, and stops it once it is ready; returns how long that took.
fn start(ground: &Ground, many: &Many) -> anyhow::Result<Duration> {
    let mut command = host::command(ground, ground.program(FILESYSTEM_SOURCE), &many.settings, &many.data);
    let begun = cost::now();
    let mut running = program::start(&mut command)?;
    let took = client::runtime()?.block_on(async {
        let kubeconfig = many.data.join(KUBECONFIG);
        let mut client = timeout(DEADLINE, ready(&kubeconfig))
            .await
            .context("the host does not become ready")?;
        let took = cost::now().saturating_sub(begun);
        let revision = client.revision(SOME).await?;
        ensure!(revision >= ground.scale.many, "ready at revision {revision}");
        anyhow::Ok(took)
    })?;
    running.signal(Signal::INT)?;
    running.wait(DEADLINE)?.expect_code(0)?;
    Ok(took)
}

/// Tries until a host says that it is ready.
async fn ready(kubeconfig: &Path) -> Client {
    // A port that is not open yet tells nobody when it is.
    let mut tries = interval(BETWEEN_TRIES);
    tries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tries.tick().await;
        if let Ok(client) = asked(kubeconfig).await {
            return client;
        }
    }
}

async fn asked(kubeconfig: &Path) -> anyhow::Result<Client> {
    let mut client = Client::connect(&Endpoint::read(kubeconfig)?).await?;
    let said = client.get("/readyz").await?;
    ensure!(said == OK, "{said:?}");
    Ok(client)
}
