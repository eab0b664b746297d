//! A server of S3 that others wrote, for the tests of whoever asks one.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};

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
    /// The first version of `v.yaml` in `my.pail`.
    pub(crate) version: String,
    /// How many objects there are below `many/` in `pail`.
    pub(crate) many: usize,
    /// It ends when its standard input does, which is when this process does.
    #[serde(skip)]
    process: Option<(Child, BufReader<ChildStdout>)>,
}

impl Moto {
    /// Starts one with so many objects below `many/`.
    pub(crate) fn start(many: usize) -> anyhow::Result<Self> {
        let mut process = Command::new(python()?)
            .args(["-c", SERVE])
            .arg(many.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(process.stdout.take().context("its output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let mut moto: Self = serde_json::from_str(&line).with_context(|| format!("it says {line:?}"))?;
        moto.process = Some((process, stdout));
        Ok(moto)
    }

    /// Puts an object there, or deletes it.
    pub(crate) fn put(&mut self, bucket: &str, key: &str, body: Option<&str>) -> anyhow::Result<()> {
        let (process, stdout) = self.process.as_mut().context("the server")?;
        let stdin = process.stdin.as_mut().context("its input")?;
        let order = serde_json::json!({"bucket": bucket, "key": key, "body": body});
        writeln!(stdin, "{order}")?;
        let mut line = String::new();
        ensure!(stdout.read_line(&mut line)? > 0, "the server is gone");
        Ok(())
    }
}

/// Finds Python; whoever asks at the same time waits for one to set it up.
fn python() -> anyhow::Result<PathBuf> {
    if let Some(python) = std::env::var_os(OVERRIDE) {
        return Ok(PathBuf::from(python));
    }
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("the directory of what is built")?;
    let place = target.join("moto");
    fs::create_dir_all(&place)?;
    let lock = File::create(place.join("lock"))?;
    lock.lock().context("waiting for another test that sets up Python")?;
    let build = Command::new("sh")
        .args(["-c", BUILD, "build"])
        .arg(target)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(build.status.success(), "a Python with a server of S3 cannot be set up");
    Ok(PathBuf::from(String::from_utf8(build.stdout)?.trim_end()))
}
