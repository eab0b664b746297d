//! Who lends what is asked with, as a user writes it: a cloud, or GitHub to an App.
//!
//! Clouds are for buckets of their own kind, and never for addresses that are somebody else's word: whoever names those could
//! name what only this machine may read. An App is for the one server that its API belongs to.

#[cfg(feature = "github-app")]
use std::path::{Path, PathBuf};

#[cfg(feature = "bucket")]
use k1s_getter_address::AzureEndpoint;
#[cfg(any(feature = "bucket", feature = "github-app"))]
use k1s_getter_address::{Address, Origin, Source};
#[cfg(feature = "github-app")]
use k1s_getter_address::{Remote, Site, Transport};
#[cfg(feature = "github-app")]
use k1s_getter_credentials::App;
#[cfg(feature = "github-app")]
use k1s_getter_net::{Peer, Scheme, Url};
use k1s_source::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::Target;

/// Where GitHub's own API is.
#[cfg(feature = "github-app")]
const API: &str = "https://api.github.com";
/// What stands before a server's name where its API is beside it.
#[cfg(feature = "github-app")]
const BESIDE: &str = "api.";
/// GitHub's own servers, where all that is below them is its own, too; elsewhere pages of users may be.
#[cfg(feature = "github-app")]
const GITHUB: &str = "github.com";
#[cfg(feature = "github-app")]
const GITHUBS: &str = ".ghe.com";
#[cfg(feature = "github-app")]
const HTTPS: u16 = 443;

/// A cloud that lends keys and tokens.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) enum Cloud {
    /// Amazon's: variables, a profile, a token of a cluster, a container's role, the machine's role.
    Aws,
    /// Google's: a file of an account, the machine's account.
    Google,
    /// Azure's: a token of a cluster, an application's identity, the machine's identity.
    Azure,
}

#[cfg(feature = "bucket")]
impl Cloud {
    /// Returns what it is called where it is configured.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Google => "google",
            Self::Azure => "azure",
        }
    }

    /// Checks that what it lends is for all addresses.
    pub(crate) fn check(self, is_untrusted: IsUntrusted, targets: &[Target], faults: &mut Vec<Diagnostic>) {
        let fault = |said: String| Diagnostic::error("/credentials/cloud", said);
        if is_untrusted == IsUntrusted::Yes {
            let fault = fault("what this machine may read, in an `untrusted` source".to_owned());
            faults.push(fault.suggestion("name a key or token that is meant for its addresses"));
        }
        for target in targets {
            if let Err(wanted) = self.fits(&target.address) {
                faults.push(fault(format!("{}: it lends what is for {wanted}", target.shown())));
            }
        }
    }

    fn fits(self, address: &Address) -> Result<(), &'static str> {
        let origin = match &address.source {
            Source::Download(download) => Some(&download.origin),
            Source::Git(_) | Source::Mercurial(_) | Source::Oci(_) => None,
        };
        match (self, origin) {
            (Self::Aws, Some(Origin::S3(_))) | (Self::Google, Some(Origin::Gcs(_))) => Ok(()),
            // A token of Azure counts for all accounts: another host that was shown it could use it there.
            (Self::Azure, Some(Origin::Azure(azure))) if matches!(azure.endpoint, AzureEndpoint::Official(_)) => Ok(()),
            (Self::Aws, _) => Err("buckets of S3"),
            (Self::Google, _) => Err("buckets of Google Cloud Storage"),
            (Self::Azure, _) => Err("containers at Azure's own hosts"),
        }
    }
}

/// Whether addresses are somebody else's word.
#[cfg(feature = "bucket")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsUntrusted {
    /// They are.
    Yes,
    /// They are the user's.
    No,
}

/// An App of GitHub that asks for an installation.
#[cfg(feature = "github-app")]
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) struct GithubApp {
    /// The App's id.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    app_id: u64,
    /// The id of its installation.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    installation_id: u64,
    /// The file of the App's private key, in PEM, which is read whenever a token is asked for.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    private_key_file: PathBuf,
    /// Where the API is, for servers of one's own: `https://HOST/api/v3`; GitHub's own if it is none.
    #[serde(default)]
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    api_url: Option<String>,
}

#[cfg(feature = "github-app")]
impl GithubApp {
    /// Checks that it can ask for all addresses; relative paths begin at `base`.
    pub(crate) fn check(&self, base: &Path, targets: &[Target], faults: &mut Vec<Diagnostic>) -> Option<App> {
        let api = match Url::parse(self.api_url.as_deref().unwrap_or(API)) {
            Ok(api) => api,
            Err(error) => {
                faults.push(Diagnostic::error("/credentials/githubApp/apiUrl", error.to_string()));
                return None;
            }
        };
        for target in targets {
            if let Err(said) = serves(&api, &target.address) {
                let said = format!("{}: {said}", target.shown());
                faults.push(Diagnostic::error("/credentials/githubApp", said));
            }
        }
        Some(App {
            id: self.app_id,
            installation: self.installation_id,
            private_key: base.join(&self.private_key_file),
            api,
        })
    }
}

/// Tells whether a token that an API lends is for an address.
#[cfg(feature = "github-app")]
fn serves(api: &Url, address: &Address) -> Result<(), &'static str> {
    let site = site(address).ok_or("its token is for repositories and archives behind `https://`")?;
    let is_protected = match site.transport {
        Transport::Https => true,
        // Without TLS the API is this machine's, too.
        Transport::Http => api.origin().scheme == Scheme::Http,
        Transport::Git | Transport::Ssh | Transport::File => false,
    };
    if !is_protected {
        return Err("its token is for repositories and archives behind `https://`");
    }
    let host = site.host.as_str();
    let Peer { name, port } = &api.origin().peer;
    // On this machine each server has a port of its own.
    let is_at_port = site.transport == Transport::Http || site.port.unwrap_or(HTTPS) == *port;
    let below = name.as_str().strip_prefix(BESIDE);
    let is_below = |domain: &str| {
        let is_githubs = domain == GITHUB || domain.ends_with(GITHUBS);
        is_githubs && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    };
    let is_served = host == name.as_str() || below.is_some_and(|domain| host == domain || is_below(domain));
    let is_served = is_served && is_at_port;
    is_served
        .then_some(())
        .ok_or("its token is for another server, that of `apiUrl` or else github.com")
}

#[cfg(feature = "github-app")]
fn site(address: &Address) -> Option<&Site> {
    match &address.source {
        Source::Git(git) => match &git.remote {
            Remote::Site(site) => Some(site),
            Remote::Directory(_) => None,
        },
        Source::Download(download) => match &download.origin {
            Origin::Http(site) => Some(site),
            Origin::File(_) | Origin::S3(_) | Origin::Gcs(_) | Origin::Azure(_) => None,
        },
        Source::Mercurial(_) | Source::Oci(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::{Policy, Transport};

    use super::*;

    fn address(text: &str) -> Address {
        let policy = Policy::default().allowing(Transport::Http).allowing(Transport::Git);
        Address::parse(text, &policy).unwrap()
    }

    #[test]
    fn s05_what_a_cloud_lends_is_for_its_own_stores() {
        for (cloud, text, is_right) in [
            (Cloud::Aws, "s3::https://s3.eu-west-1.amazonaws.com/b/k", true),
            (Cloud::Aws, "s3::https://store.example/b/k", true),
            (Cloud::Aws, "gcs::https://www.googleapis.com/storage/v1/b/o", false),
            (Cloud::Google, "gcs::https://www.googleapis.com/storage/v1/b/o", true),
            (Cloud::Google, "https://www.googleapis.com/storage/v1/b/o/x.yaml", false),
            (Cloud::Azure, "azure::https://acct.blob.core.windows.net/c/k", true),
            (
                Cloud::Azure,
                "azure::https://acct.blob.core.windows.net.evil.example/acct/c/k",
                false,
            ),
            (Cloud::Azure, "git::https://h.org/r.git", false),
        ] {
            assert_eq!(cloud.fits(&address(text)).is_ok(), is_right, "{text}");
        }
    }

    #[cfg(feature = "github-app")]
    #[test]
    fn s05_the_token_of_an_app_is_for_the_server_of_its_api() {
        const OWN: &str = "https://git.example/api/v3";
        for (api, text, is_right) in [
            (API, "git::https://github.com/o/r.git", true),
            (API, "github.com/o/r", true),
            (API, "https://codeload.github.com/o/r/tar.gz/main?archive=tar.gz", true),
            (
                API,
                "https://api.github.com/repos/o/r/tarball/main?archive=tar.gz",
                true,
            ),
            (API, "git::https://github.com.evil.example/o/r.git", false),
            (API, "git::https://evilgithub.com/o/r.git", false),
            (API, "git::https://gitlab.com/o/r.git", false),
            (API, "git::http://github.com/o/r.git", false),
            (API, "git::ssh://git@github.com/o/r.git", false),
            (API, "git::git://github.com/o/r.git", false),
            (OWN, "git::https://git.example/o/r.git", true),
            (OWN, "git::https://github.com/o/r.git", false),
            (OWN, "git::https://sub.git.example/o/r.git", false),
            ("https://api.shop.ghe.com", "git::https://shop.ghe.com/o/r.git", true),
            ("https://api.git.example", "git::https://git.example/o/r.git", true),
            (
                "https://api.git.example",
                "git::https://pages.git.example/o/r.git",
                false,
            ),
            (OWN, "git::https://git.example:9999/o/r.git", false),
            (
                "https://git.example:8443/api/v3",
                "git::https://git.example:8443/o/r.git",
                true,
            ),
            (
                "https://git.example:8443/api/v3",
                "git::https://git.example/o/r.git",
                false,
            ),
            ("http://127.0.0.1:1", "git::http://127.0.0.1:2/r.git", true),
        ] {
            let api = Url::parse(api).unwrap();
            assert_eq!(serves(&api, &address(text)).is_ok(), is_right, "{api} {text}");
        }
    }
}
