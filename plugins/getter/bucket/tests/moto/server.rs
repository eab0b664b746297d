//! A server of S3 that others wrote.

use std::path::PathBuf;
use std::process::Command;

use crate::emulator::{Emulator, set_up};

/// The path of a Python that has moto, instead of the one that is set up here.
const OVERRIDE: &str = "K1S_MOTO";
const BUILD: &str = include_str!("build");
const SERVE: &str = include_str!("serve.py");

/// The server, with `pail`, `my.pail`, `half` and `shut`, and the key of one who may read the first two and list the third.
#[derive(serde::Deserialize)]
pub(crate) struct Moto {
    pub(crate) port: u16,
    pub(crate) id: String,
    pub(crate) secret: String,
    /// A role that may do the same, and the token with which it is taken over.
    pub(crate) role: String,
    pub(crate) identity: String,
    /// The first version of `v.yaml` in `my.pail`.
    pub(crate) version: String,
    /// How many objects there are below `many/` in `pail`.
    pub(crate) many: usize,
    #[serde(skip)]
    emulator: Option<Emulator>,
}

impl Moto {
    /// Starts one with so many objects below `many/`.
    pub(crate) fn start(many: usize) -> anyhow::Result<Self> {
        let mut command = Command::new(python()?);
        let (moto, emulator) = Emulator::start::<Self>(command.args(["-c", SERVE]).arg(many.to_string()))?;
        Ok(Self {
            emulator: Some(emulator),
            ..moto
        })
    }

    /// Puts an object there, or deletes it.
    pub(crate) fn put(&mut self, bucket: &str, key: &str, body: Option<&str>) -> anyhow::Result<()> {
        let emulator = self.emulator.as_mut();
        emulator.map_or(Ok(()), |emulator| emulator.put(bucket, key, body))
    }
}

fn python() -> anyhow::Result<PathBuf> {
    match std::env::var_os(OVERRIDE) {
        Some(python) => Ok(PathBuf::from(python)),
        None => set_up("moto", |target| {
            let mut command = Command::new("sh");
            command.args(["-c", BUILD, "build"]).arg(target);
            command
        }),
    }
}
