//! Buckets of a server that is shared by all tests of this process.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k1s_getter_address::{Address, Download, Origin, Policy, S3, Secret, Source, Transport};
use k1s_getter_bucket::{Access, Bucket};
use k1s_getter_net::{Client, Reach, Reference, Settings, Trust};

pub(crate) use crate::server::Moto;

/// More than a page.
const MANY: usize = 1005;

static SHARED: LazyLock<Moto> = LazyLock::new(|| Moto::start(MANY).expect("a server of S3"));

impl Moto {
    pub(crate) fn shared() -> &'static Self {
        &SHARED
    }

    /// Returns a bucket by what follows the host in its address, asked for with a key or without.
    pub(crate) fn bucket(&self, rest: &str, access: Option<Access>) -> anyhow::Result<Bucket> {
        let s3 = address(&format!("s3::http://127.0.0.1:{}/{rest}", self.port))?;
        Ok(Bucket::s3(client(), &s3, access)?)
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
