//! A host that stays, with one source, looked at from outside.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use k1s_api::server::Endpoint;
use k1s_tests::eventually;
use k1s_tests::processes::children;
use k1s_tests::program::{self, Running};
use rustix::process::Signal;

use super::ground::Ground;
use super::host;

/// Longest wait for a host to have listed everything, or to end.
const DEADLINE: Duration = Duration::from_secs(30 * 60);
/// What clients are given, in the data directory.
pub(super) const KUBECONFIG: &str = "kubeconfig";

/// A host that runs. Dropping it kills it.
pub(super) struct Daemon {
    pub(super) endpoint: Endpoint,
    running: Running,
}

impl Daemon {
    /// Starts a host, and waits until its source has listed everything.
    pub(super) fn start(ground: &Ground, plugin: &str, settings: &[String], data: &Path) -> anyhow::Result<Self> {
        let mut running = program::start(&mut host::command(ground, ground.program(plugin), settings, data))?;
        running.until_printed(host::SUMMARY, DEADLINE)?;
        let endpoint = Endpoint::read(&data.join(KUBECONFIG))?;
        Ok(Self { endpoint, running })
    }

    /// The host's process.
    pub(super) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Its plugin's process.
    pub(super) fn plugin(&self) -> anyhow::Result<u32> {
        eventually(DEADLINE, "the plugin runs", || Ok(children(self.id()).first().copied()))
    }

    /// Stops it as Ctrl-C does; its store is then free to be read.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.running.signal(Signal::INT)?;
        let finished = self.running.wait(DEADLINE)?.expect_code(0);
        finished.map(drop).context("the host did not end well")
    }
}
