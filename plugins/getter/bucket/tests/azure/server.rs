//! A server of Azure's blobs that Azure's own people wrote.

use std::path::PathBuf;
use std::process::Command;

use crate::emulator::{Emulator, set_up};

/// The directory that has it, instead of the one that is set up here.
const OVERRIDE: &str = "K1S_AZURITE";
const BUILD: &str = include_str!("build");
const SERVE: &str = include_str!("serve.js");

/// The server, with `pail`, and `open` for everyone.
#[derive(serde::Deserialize)]
pub(crate) struct Azurite {
    pub(crate) port: u16,
    pub(crate) account: String,
    pub(crate) key: String,
    /// How many objects there are below `many/` in `pail`.
    pub(crate) many: usize,
    /// A signature to read and list `pail`.
    pub(crate) full: String,
    /// A signature to read objects of `pail`.
    pub(crate) reading: String,
    #[serde(skip)]
    emulator: Option<Emulator>,
}

impl Azurite {
    /// Starts one with so many objects below `many/`.
    pub(crate) fn start(many: usize) -> anyhow::Result<Self> {
        let place = place()?;
        let mut command = Command::new(place.join("bin/node"));
        command.args(["-e", SERVE]).arg(place).arg(many.to_string());
        let (azurite, emulator) = Emulator::start::<Self>(&mut command)?;
        Ok(Self {
            emulator: Some(emulator),
            ..azurite
        })
    }

    /// Puts an object there, or deletes it.
    pub(crate) fn put(&mut self, container: &str, key: &str, body: Option<&str>) -> anyhow::Result<()> {
        let emulator = self.emulator.as_mut();
        emulator.map_or(Ok(()), |emulator| emulator.put(container, key, body))
    }
}

fn place() -> anyhow::Result<PathBuf> {
    match std::env::var_os(OVERRIDE) {
        Some(place) => Ok(PathBuf::from(place)),
        None => set_up("azurite", |target| {
            let mut command = Command::new("sh");
            command.args(["-c", BUILD, "build"]).arg(target);
            command
        }),
    }
}
