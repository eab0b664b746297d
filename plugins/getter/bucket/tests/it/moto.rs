//! A server of S3 that others wrote, shared by all tests of this process.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k1s_getter_address::{Address, Download, Origin, Policy, S3, Secret, Source, Transport};
use k1s_getter_bucket::{Access, Bucket};
use k1s_getter_net::{Client, Proxies, Reach, Reference, Settings, Trust};

/// The path of a Python that has moto, instead of the one that is set up here.
const OVERRIDE: &str = "K1S_MOTO";
const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/build");
const SERVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/serve.py");

/// The server, with `pail`, `my.pail` and `shut`, and the key of one who may read the first two.
#[derive(serde::Deserialize)]
pub(crate) struct Moto {
    port: u16,
    id: String,
    secret: String,
    pub(crate) version: String,
    pub(crate) many: usize,
    /// It ends when its standard input does, which is when this process does.
    #[serde(skip)]
    _process: Option<Child>,
}

static SHARED: LazyLock<Moto> = LazyLock::new(|| Moto::start().expect("a server of S3"));

impl Moto {
    pub(crate) fn shared() -> &'static Self {
        &SHARED
    }

    fn start() -> anyhow::Result<Self> {
        let mut process = Command::new(python()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().context("its output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let mut moto: Self = serde_json::from_str(&line).with_context(|| format!("it says {line:?}"))?;
        moto._process = Some(process);
        Ok(moto)
    }

    /// Returns a bucket by what follows the host in its address, asked for with a key or without.
    pub(crate) fn bucket(&self, rest: &str, access: Option<Access>) -> anyhow::Result<Bucket> {
        let s3 = address(&format!("s3::http://127.0.0.1:{}/{rest}", self.port))?;
        Ok(Bucket::new(client(), &s3, access)?)
    }

    pub(crate) fn access(&self) -> Access {
        self.access_with(&self.secret)
    }

    pub(crate) fn access_with(&self, secret: &str) -> Access {
        Access {
            id: Reference::Given(Secret::new(&self.id)),
            secret: Reference::Given(Secret::new(secret)),
            token: None,
        }
    }
}

/// Finds Python; tests that ask at the same time wait in the lock of what is shared.
fn python() -> anyhow::Result<PathBuf> {
    if let Some(python) = std::env::var_os(OVERRIDE) {
        return Ok(PathBuf::from(python));
    }
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("the directory of what is built")?;
    let built = Command::new(BUILD).arg(target).stderr(Stdio::inherit()).output()?;
    ensure!(built.status.success(), "{BUILD} failed");
    Ok(PathBuf::from(String::from_utf8(built.stdout)?.trim_end()))
}

pub(crate) fn address(text: &str) -> anyhow::Result<S3> {
    let source = Address::parse(text, &Policy::default().allowing(Transport::Http))?.source;
    match source {
        Source::Download(Download {
            origin: Origin::S3(s3), ..
        }) => Ok(s3),
        Source::Download(_) | Source::Git(_) | Source::Mercurial(_) | Source::Oci(_) => anyhow::bail!("{source:?}"),
    }
}

pub(crate) fn client() -> Client {
    let settings = Settings {
        reach: Reach::trusted(),
        proxies: Proxies::none(),
        trust: Trust::Only(anyone()),
        ..Settings::default()
    };
    Client::new(settings).expect("a client")
}

/// Returns a certificate of somebody: nothing here speaks TLS, and what the system trusts may be nothing.
fn anyone() -> String {
    let anyone = rcgen::generate_simple_self_signed(vec!["anyone".to_owned()]).expect("a certificate");
    let text = BASE64_STANDARD.encode(anyone.cert.der());
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
