//! A server of Google Cloud Storage that others wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::emulator::{Emulator, set_up};

/// What builds it, from the root of the repository.
const BUILD: &str = "plugins/getter/bucket/tests/gcs/build";

/// The server, with `pail`, `kept`, `open`, `half` and `shut`, and the token of one who may read the first two and list `half`.
#[derive(serde::Deserialize)]
pub(crate) struct Gcs {
    pub(crate) port: u16,
    pub(crate) token: String,
    /// The first generation of `v.yaml` in `kept`.
    pub(crate) version: u64,
    /// How many objects there are below `many/` in `pail`.
    pub(crate) many: usize,
    #[serde(skip)]
    emulator: Option<Emulator>,
}

impl Gcs {
    /// Starts one with so many objects below `many/`.
    pub(crate) fn start(many: usize) -> anyhow::Result<Self> {
        let (gcs, emulator) = Emulator::start::<Self>(Command::new(program()?).arg(many.to_string()))?;
        Ok(Self {
            emulator: Some(emulator),
            ..gcs
        })
    }

    /// Puts an object there, or deletes it.
    pub(crate) fn put(&mut self, bucket: &str, key: &str, body: Option<&str>) -> anyhow::Result<()> {
        let emulator = self.emulator.as_mut();
        emulator.map_or(Ok(()), |emulator| emulator.put(bucket, key, body))
    }
}

fn program() -> anyhow::Result<PathBuf> {
    let roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let build = roots.map(|root| root.join(BUILD)).find(|build| build.exists());
    let build = build.context("what builds the server")?;
    set_up("gcs", |target| {
        let mut command = Command::new(build);
        command.arg(target);
        command
    })
}
