//! How an address is shown: in one spelling, which reads as the same address if nothing of it is secret.

use std::fmt;

use crate::address::{Address, Download, Git, Mercurial, Source};
use crate::archive::Archive;
use crate::checksum::Checksum;
use crate::escape::{encode_plain_path, encode_query, encode_user};
use crate::origin::Origin;
use crate::origin::azure::AzureEndpoint;
use crate::origin::oci::{Oci, Reference};
use crate::origin::s3::{Endpoint, Route, S3};
use crate::policy::Transport;
use crate::query::Parameters;
use crate::site::{Remote, Site};

/// What stands in the place of a secret.
const REDACTED: &str = "redacted";

/// The pieces of an address.
#[derive(Default)]
struct Pieces {
    source: String,
    query: Vec<String>,
    fragment: Option<String>,
}

/// Shows the address without its secrets: logins over HTTP, keys, and all parameters that go to a server.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pieces = match &self.source {
            Source::Git(git) => of_git(git),
            Source::Mercurial(mercurial) => of_mercurial(mercurial),
            Source::Oci(oci) => of_oci(oci),
            Source::Download(download) => of_download(download),
        };
        if self.subdir.is_some() && pieces.source.ends_with('/') {
            // A third slash would be taken for the second. The root of this machine is `/.`, too.
            pieces.source.pop();
            let is_root = pieces.source.ends_with("://");
            pieces.source.push_str(if is_root { "/." } else { "%2F" });
        }
        f.write_str(&pieces.source)?;
        if let Some(subdir) = &self.subdir {
            // `?` ends a path, and would be a pattern if it were encoded alone; both come back as they were.
            write!(f, "//{}", encode_subdir(&subdir.to_string()))?;
        }
        if !pieces.query.is_empty() {
            write!(f, "?{}", pieces.query.join("&"))?;
        }
        match pieces.fragment {
            Some(fragment) => write!(f, "#{fragment}"),
            None => Ok(()),
        }
    }
}

fn encode_subdir(subdir: &str) -> String {
    subdir.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

impl Pieces {
    fn add(&mut self, name: &str, value: &str) {
        self.query.push(format!("{name}={}", encode_query(value)));
    }

    fn add_all(&mut self, parameters: &Parameters) {
        if !parameters.is_empty() {
            self.query.push(REDACTED.to_owned());
        }
    }
}

fn of_git(git: &Git) -> Pieces {
    let mut pieces = of_remote("git::", &git.remote);
    if let Some(revision) = &git.revision {
        pieces.add("ref", revision.as_str());
    }
    if let Some(depth) = git.depth {
        pieces.add("depth", &depth.to_string());
    }
    if git.ssh_key.is_some() {
        pieces.add("sshkey", REDACTED);
    }
    pieces
}

fn of_mercurial(mercurial: &Mercurial) -> Pieces {
    let mut pieces = of_remote("hg::", &mercurial.remote);
    if let Some(revision) = &mercurial.revision {
        pieces.add("rev", revision.as_str());
    }
    pieces
}

fn of_remote(getter: &str, remote: &Remote) -> Pieces {
    let mut pieces = Pieces::default();
    match remote {
        Remote::Site(site) => {
            pieces.source = format!("{getter}{}", of_site(site, &site.path));
            pieces.add_all(&site.parameters);
        }
        Remote::Directory(path) => pieces.source = format!("{getter}file://{}", encode_plain_path(path)),
    }
    pieces
}

fn of_site(site: &Site, path: &str) -> String {
    let login = match &site.login {
        None => String::new(),
        Some(login) => {
            // Over SSH a user is a name; over HTTP it may be a token.
            let user = match site.transport {
                Transport::Ssh => encode_user(login.user.expose()),
                Transport::Https | Transport::Http | Transport::Git | Transport::File => REDACTED.to_owned(),
            };
            let password = if login.password.is_some() { ":redacted" } else { "" };
            format!("{user}{password}@")
        }
    };
    let port = site.port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{login}{}{port}{path}", site.transport.scheme(), site.host)
}

fn of_oci(oci: &Oci) -> Pieces {
    let port = oci.port.map(|port| format!(":{port}")).unwrap_or_default();
    let reference = match &oci.reference {
        Reference::Tag(tag) => format!(":{tag}"),
        Reference::Digest(digest) => format!("@{digest}"),
    };
    Pieces {
        source: format!("oci://{}{port}/{}{reference}", oci.host, oci.name),
        ..Pieces::default()
    }
}

fn of_download(download: &Download) -> Pieces {
    let mut pieces = of_origin(&download.origin);
    let expected = Archive::of_path(&download.origin.path());
    if download.archive != expected {
        pieces.add("archive", download.archive.map_or("false", Archive::name));
    }
    match &download.checksum {
        None => {}
        Some(Checksum::Digest(digest)) => pieces.add("checksum", &digest.to_string()),
        Some(Checksum::File(file)) => {
            let file = Address {
                source: Source::Download((**file).clone()),
                subdir: None,
            };
            pieces.add("checksum", &format!("file:{file}"));
        }
    }
    if let Some(filename) = &download.filename {
        pieces.add("filename", filename);
    }
    pieces
}

fn of_origin(origin: &Origin) -> Pieces {
    let mut pieces = Pieces::default();
    match origin {
        Origin::Http(site) => {
            pieces.source = of_site(site, &site.path);
            pieces.add_all(&site.parameters);
        }
        Origin::S3(s3) => pieces = of_s3(s3),
        Origin::Gcs(gcs) => {
            pieces.source = format!(
                "gcs::https://www.googleapis.com/storage/v1/{}",
                within(&gcs.bucket, &gcs.object)
            );
            pieces.fragment = gcs.generation.map(|generation| generation.to_string());
        }
        Origin::Azure(azure) => {
            let (account, within) = (&azure.account, within(&azure.container, &azure.blob));
            pieces.source = match &azure.endpoint {
                AzureEndpoint::Official(domain) => format!("azure::https://{account}.{domain}/{within}"),
                AzureEndpoint::Compatible(site) => format!("azure::{}", of_site(site, &format!("/{account}/{within}"))),
            };
            if !azure.signature.is_empty() {
                pieces.add("sig", REDACTED);
            }
        }
        Origin::File(path) => pieces.source = format!("file://{}", encode_plain_path(path)),
    }
    pieces
}

/// Returns the path of an object in a bucket, or of the bucket.
fn within(bucket: &str, key: &str) -> String {
    if key.is_empty() {
        encode_plain_path(bucket)
    } else {
        encode_plain_path(&format!("{bucket}/{key}"))
    }
}

fn of_s3(s3: &S3) -> Pieces {
    let mut pieces = Pieces::default();
    let path = format!("/{}", within(&s3.bucket, &s3.key));
    match &s3.endpoint {
        Endpoint::Amazon { domain, route } => {
            let region = &s3.region;
            let host = match route {
                Route::Plain => format!("s3.{region}"),
                Route::DualStack => format!("s3.dualstack.{region}"),
                Route::Fips => format!("s3-fips.{region}"),
                Route::FipsDualStack => format!("s3-fips.dualstack.{region}"),
                Route::Interface(name) => format!("bucket.{name}.s3.{region}.vpce"),
            };
            pieces.source = format!("s3::https://{host}.{domain}{path}");
        }
        Endpoint::Compatible(site) => {
            pieces.source = format!("s3::{}", of_site(site, &path));
            pieces.add("region", &s3.region);
        }
    }
    if let Some(version) = &s3.version {
        pieces.add("version", version);
    }
    if let Some(access) = &s3.access {
        pieces.add("aws_access_key_id", REDACTED);
        pieces.add("aws_access_key_secret", REDACTED);
        if access.token.is_some() {
            pieces.add("aws_access_token", REDACTED);
        }
    }
    if let Some(profile) = &s3.profile {
        pieces.add("aws_profile", profile);
    }
    pieces
}
