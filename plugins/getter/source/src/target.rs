//! One address, and what it is to the host: a scope, and what makes the place this place.
//!
//! Neither has a revision, a credential, or a parameter of the query in it: another revision of a repository is the same
//! place, and secrets change. Two addresses that differ in nothing else cannot be in one source.

use std::path::Path;

use k1s_getter_address::{Address, Download, Origin, Parameters, Remote, Site, Source, Transport};
use k1s_source::Scope;
use sha2::{Digest as _, Sha256};

use crate::kept::hexadecimal;

/// The longest id of a scope, in bytes (contract.md §4).
const SCOPE_BYTES: usize = 256;
/// Parameters that say who asks and until when: those of signed URLs of CloudFront, S3 and Azure, and tokens.
const SIGNATURES: [&str; 18] = [
    "access_token",
    "awsaccesskeyid",
    "expires",
    "googleaccessid",
    "key-pair-id",
    "policy",
    "private_token",
    "se",
    "sig",
    "signature",
    "sip",
    "sks",
    "sp",
    "spr",
    "sr",
    "st",
    "sv",
    "token",
];

/// One address of a source.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What is fetched.
    pub(crate) address: Address,
    /// What the host knows it by.
    pub(crate) scope: Scope,
    /// What makes the place this place; without a revision.
    pub(crate) identity: String,
}

impl Target {
    /// Takes over an address.
    #[must_use]
    pub(crate) fn new(address: Address) -> Self {
        let identity = identity(&address);
        Self {
            scope: scope(&identity),
            identity,
            address,
        }
    }

    /// Returns what makes a place this place, where another took its place by some revision.
    #[must_use]
    pub(crate) fn identity_at(&self, place: Option<&str>) -> String {
        match place {
            None => self.identity.clone(),
            Some(revision) => format!("{}#{revision}", self.identity),
        }
    }

    /// Returns the address for people, without secrets.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        self.address.to_string()
    }

    /// Returns the folder of this machine that the address names, if it is one.
    #[must_use]
    pub(crate) fn local_folder(&self) -> Option<&Path> {
        let Source::Download(download) = &self.address.source else {
            return None;
        };
        match &download.origin {
            Origin::File(path) => Some(Path::new(path)).filter(|path| path.is_dir()),
            Origin::Http(_) | Origin::S3(_) | Origin::Gcs(_) | Origin::Azure(_) => None,
        }
    }

    /// Returns whether the address names objects of a store, which are the same for whoever may see them.
    #[cfg(feature = "net")]
    #[must_use]
    pub(crate) fn is_of_store(&self) -> bool {
        match &self.address.source {
            Source::Git(_) | Source::Mercurial(_) | Source::Oci(_) => false,
            Source::Download(download) => match &download.origin {
                Origin::S3(_) | Origin::Gcs(_) | Origin::Azure(_) => true,
                Origin::Http(_) | Origin::File(_) => false,
            },
        }
    }

    /// Returns what else decides what is there, which the text leaves out: the parameters that go to the server, but for what
    /// only says who asks and until when. What is returned may be secret.
    #[must_use]
    pub(crate) fn query(&self) -> String {
        let site = match &self.address.source {
            Source::Git(git) => site_of(&git.remote),
            Source::Mercurial(mercurial) => site_of(&mercurial.remote),
            Source::Download(download) => match &download.origin {
                Origin::Http(site) => Some(site),
                Origin::File(_) | Origin::S3(_) | Origin::Gcs(_) | Origin::Azure(_) => None,
            },
            Source::Oci(_) => None,
        };
        let parameters = site.into_iter().flat_map(|site| site.parameters.iter());
        let asking = parameters.filter(|(name, _)| !is_signature(name));
        asking
            .map(|(name, value)| format!("{name:?}={:?}\n", value.expose()))
            .collect()
    }

    /// Returns whom the address asks: targets that ask the same one ask it one after the other.
    #[must_use]
    pub(crate) fn authority(&self) -> String {
        match &self.address.source {
            Source::Git(git) => of_remote(&git.remote),
            Source::Mercurial(mercurial) => of_remote(&mercurial.remote),
            Source::Oci(oci) => oci.host.to_string(),
            Source::Download(download) => match &download.origin {
                Origin::Http(site) => of_site(site),
                Origin::File(path) => path.clone(),
                Origin::S3(_) | Origin::Gcs(_) | Origin::Azure(_) => self.identity.clone(),
            },
        }
    }
}

fn site_of(remote: &Remote) -> Option<&Site> {
    match remote {
        Remote::Site(site) => Some(site),
        Remote::Directory(_) => None,
    }
}

/// Returns whether a parameter is part of a signature or a token, as stores and forges take them: the file is the same with
/// another.
fn is_signature(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let begins = ["x-amz-", "x-goog-"].iter().any(|start| name.starts_with(start));
    begins || SIGNATURES.contains(&name.as_str())
}

fn of_remote(remote: &Remote) -> String {
    match remote {
        Remote::Site(site) => of_site(site),
        Remote::Directory(path) => path.clone(),
    }
}

fn of_site(site: &Site) -> String {
    let port = site.port.or(site.transport.port()).unwrap_or_default();
    format!("{}://{}:{port}", site.transport.scheme(), site.host)
}

fn identity(address: &Address) -> String {
    let mut place = address.clone();
    match &mut place.source {
        Source::Git(git) => {
            (git.revision, git.depth, git.ssh_key) = (None, None, None);
            strip_remote(&mut git.remote);
        }
        Source::Mercurial(mercurial) => {
            mercurial.revision = None;
            strip_remote(&mut mercurial.remote);
        }
        // What it is called without its tag or digest has no form of its own as an address.
        Source::Oci(oci) => {
            let port = oci.port.map(|port| format!(":{port}")).unwrap_or_default();
            let subdir = address.subdir.as_ref().map(|subdir| format!("//{subdir}"));
            return format!("oci://{}{port}/{}{}", oci.host, oci.name, subdir.unwrap_or_default());
        }
        Source::Download(download) => strip_download(download),
    }
    place.to_string()
}

fn strip_download(download: &mut Download) {
    download.checksum = None;
    match &mut download.origin {
        Origin::Http(site) => strip_site(site),
        Origin::S3(s3) => (s3.access, s3.version, s3.profile) = (None, None, None),
        Origin::Azure(azure) => azure.signature = Parameters::default(),
        Origin::Gcs(gcs) => gcs.generation = None,
        Origin::File(_) => {}
    }
}

fn strip_remote(remote: &mut Remote) {
    match remote {
        Remote::Site(site) => strip_site(site),
        Remote::Directory(_) => {}
    }
}

fn strip_site(site: &mut Site) {
    site.parameters = Parameters::default();
    match site.transport {
        Transport::Https | Transport::Http => site.login = None,
        // A user of SSH says whose repository it is.
        Transport::Ssh | Transport::Git | Transport::File => {}
    }
}

fn scope(identity: &str) -> Scope {
    if identity.len() <= SCOPE_BYTES {
        return Scope::new(identity);
    }
    let digest = hexadecimal(&Sha256::digest(identity));
    let end = identity.floor_char_boundary(SCOPE_BYTES - digest.len() - 1);
    Scope::new(format!("{}#{digest}", identity.get(..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::Policy;

    use super::*;

    fn target(address: &str) -> Target {
        Target::new(Address::parse(address, &Policy::default().allowing(Transport::Http)).unwrap())
    }

    #[test]
    fn a_place_has_no_revision_and_no_secret() {
        for (address, identity) in [
            ("/srv/x//sub", "file:///srv/x//sub"),
            (
                "https://user:secret@h.org/a.tar.gz//sub?checksum=md5:00000000000000000000000000000000&token=secret",
                "https://h.org/a.tar.gz//sub",
            ),
            (
                "git::https://h.org/r.git//sub?ref=v1&depth=1",
                "git::https://h.org/r.git//sub",
            ),
            ("git@h.org:r.git?ref=v1", "git::ssh://git@h.org/r.git"),
            ("oci://h.org:5000/a/b:v1//sub", "oci://h.org:5000/a/b//sub"),
        ] {
            let target = target(address);
            assert_eq!((target.identity.as_str(), target.scope.id()), (identity, identity));
        }
    }

    #[test]
    fn what_is_asked_for_is_told_from_who_asks() {
        let query = |text: &str| target(&format!("https://h.org/raw{text}")).query();
        assert_ne!(query("?file=new"), query("?file=old"));
        assert_eq!(query("?file=a&token=1"), query("?file=a&token=2"));
        let signed = "?X-Amz-Date=1&X-Amz-Signature=2&sig=3&Expires=4";
        assert_eq!(query(signed), query(""));
        assert_ne!(query("?a=1&b=2"), query("?a=1%26b%3D2"));
    }

    #[test]
    fn the_id_of_a_long_address_fits_and_differs() {
        let long = |end: &str| target(&format!("/{}/{end}", "a".repeat(300))).scope;
        assert_eq!(long("x").id().len(), SCOPE_BYTES);
        assert_ne!(long("x"), long("y"));
    }

    #[test]
    fn targets_of_one_server_ask_one_after_the_other() {
        let authority = |address: &str| target(address).authority();
        assert_eq!(authority("https://h.org/a"), authority("https://h.org:443/b"));
        assert_ne!(authority("https://h.org/a"), authority("http://h.org/a"));
    }
}
