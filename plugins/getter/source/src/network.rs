//! How a source reaches over a network: which addresses, through whom, whom it believes, and who it says it is.
//!
//! Credentials go to the one server that a source's addresses ask. Secrets are values the host handed over, or files; an
//! address' own user and password count where nothing is configured.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use http::HeaderName;
use k1s_getter_address::{Secret, Site, Transport};
#[cfg(feature = "github-app")]
use k1s_getter_credentials::App;
use k1s_getter_net::{
    Client, Credential, Crossing, Identity, Key, Limits, NoProxy, Proxies, Proxy, ProxyError, Reach, Reference,
    Settings, SettingsError, Trust, Url, UrlError,
};

#[cfg(feature = "bucket")]
use crate::lender::Cloud;

/// The longest file of certificates or headers, in bytes.
const PEM_BYTES: u64 = 1 << 20;

/// How a source reaches over a network.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    /// Which addresses may be asked.
    pub(crate) author: Author,
    /// What is asked for everything; what the environment says where there is none.
    pub(crate) proxy: Option<Proxy>,
    /// A file of authorities that are believed besides those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    /// Who asks.
    pub(crate) credentials: Credentials,
    /// The most bytes of one answer.
    pub(crate) download_bytes: Option<u64>,
}

/// Whose word the addresses are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Author {
    /// The user's: anything may be asked.
    #[default]
    User,
    /// Somebody else's: only what is public.
    Stranger,
}

/// Who asks, and by what that is believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// By which word.
    pub(crate) word: Option<Credential>,
    /// The files of a certificate and of its key.
    pub(crate) certificate: Option<(PathBuf, Secret)>,
    /// A file of headers that are sent along.
    pub(crate) headers: Option<PathBuf>,
    /// The cloud that lends keys and tokens.
    #[cfg(feature = "bucket")]
    pub(crate) cloud: Option<Cloud>,
    /// The App of GitHub that is lent tokens.
    #[cfg(feature = "github-app")]
    pub(crate) app: Option<App>,
    /// What is used over SSH.
    #[cfg(feature = "ssh")]
    pub(crate) ssh: SshKeys,
}

/// What is used over SSH.
#[cfg(feature = "ssh")]
#[derive(Clone, Debug, Default)]
pub(crate) struct SshKeys {
    /// A private key, and its passphrase if it has one.
    pub(crate) key: Option<(Secret, Option<Secret>)>,
    /// The file of known hosts; the user's and everybody's if it is none.
    pub(crate) known_hosts: Option<PathBuf>,
}

impl Credentials {
    /// Returns whether nothing is configured.
    pub(crate) fn is_empty(&self) -> bool {
        #[cfg(feature = "ssh")]
        if self.ssh.key.is_some() {
            return false;
        }
        self.word.is_none() && self.certificate.is_none() && self.headers.is_none() && self.lender().is_empty()
    }

    /// Returns the name of who lends what is asked with; empty where nobody does.
    pub(crate) fn lender(&self) -> String {
        #[cfg(feature = "bucket")]
        if let Some(cloud) = self.cloud {
            return cloud.name().to_owned();
        }
        #[cfg(feature = "github-app")]
        if let Some(app) = &self.app {
            return format!("{} {} {}", app.api, app.id, app.installation);
        }
        String::new()
    }

    /// Returns the user, where one is named.
    pub(crate) fn user(&self) -> Option<&str> {
        match &self.word {
            Some(Credential::Basic { user, .. }) => Some(user.expose()),
            Some(Credential::Bearer(_) | Credential::Netrc(_)) | None => None,
        }
    }
}

/// Nothing can be asked with what is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    /// A file of certificates or headers cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file of certificates or headers is too large, or no text.
    #[error("{} is longer than {PEM_BYTES} bytes, or no text", .0.display())]
    NotPem(PathBuf),
    /// A line of a file of headers is none.
    #[error("{}: line {line} is no header, which is written `NAME: VALUE`", path.display())]
    NotAHeader {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment names no proxy.
    #[error(transparent)]
    Proxy(ProxyError),
    /// The settings do not go together.
    #[error(transparent)]
    Settings(SettingsError),
    /// The address is none that can be asked.
    #[error(transparent)]
    Url(UrlError),
}

impl Network {
    /// Sets up what asks a site, with this word instead of what is configured if there is one. What is no site of HTTP is told
    /// nothing of who asks.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or the settings do not go together.
    pub(crate) fn client(&self, site: &Site, word: Option<Credential>) -> Result<Client, NetworkError> {
        let keys = match site.transport {
            Transport::Http | Transport::Https => vec![self.key(site, word)?],
            Transport::Git | Transport::Ssh | Transport::File => Vec::new(),
        };
        Client::new(self.settings(keys)?).map_err(NetworkError::Settings)
    }

    /// Returns how those are reached that are told nothing of who asks.
    #[cfg(feature = "git")]
    #[must_use]
    pub(crate) fn bare(&self) -> Self {
        Self {
            credentials: Credentials {
                #[cfg(feature = "ssh")]
                ssh: SshKeys {
                    key: None,
                    known_hosts: self.credentials.ssh.known_hosts.clone(),
                },
                ..Credentials::default()
            },
            ..self.clone()
        }
    }

    /// Sets up what asks without saying who.
    ///
    /// # Errors
    /// As [`Self::client`].
    #[cfg(feature = "bucket")]
    pub(crate) fn anonymous(&self) -> Result<Client, NetworkError> {
        Client::new(self.settings(Vec::new())?).map_err(NetworkError::Settings)
    }

    /// Sets up who lends, with our proxies and authorities, and without anything of who asks.
    ///
    /// # Errors
    /// As [`Self::client`].
    #[cfg(any(feature = "bucket", feature = "github-app"))]
    pub(crate) fn lent<L>(&self, made: impl FnOnce(&Settings) -> Result<L, SettingsError>) -> Result<L, NetworkError> {
        made(&self.settings(Vec::new())?).map_err(NetworkError::Settings)
    }

    /// Returns how a client is set up that sends these along. Redirects to other origins are followed, and nothing of ours
    /// goes along with them; archives of forges are behind such.
    fn settings(&self, keys: Vec<Key>) -> Result<Settings, NetworkError> {
        Ok(Settings {
            reach: match self.author {
                Author::User => Reach::trusted(),
                Author::Stranger => Reach::untrusted(),
            },
            proxies: self.proxies()?,
            trust: match &self.ca_file {
                Some(path) => Trust::Added(pem(path)?),
                None => Trust::System,
            },
            crossing: Crossing::Bare,
            keys,
            limits: self.limits(),
            ..Settings::default()
        })
    }

    /// Returns how a registry is asked.
    ///
    /// # Errors
    /// As [`Network::client`].
    #[cfg(feature = "oci")]
    pub(crate) fn registry(&self) -> Result<k1s_getter_oci::Access, NetworkError> {
        Ok(k1s_getter_oci::Access {
            settings: self.settings(Vec::new())?,
            credential: self.credentials.word.clone(),
            headers: self.headers()?,
            identity: self.identity()?,
            token_origins: Vec::new(),
        })
    }

    fn key(&self, site: &Site, word: Option<Credential>) -> Result<Key, NetworkError> {
        let url = Url::of(site).map_err(NetworkError::Url)?;
        let own = site.login.as_ref().map(Credential::of);
        Ok(Key {
            origin: url.origin().clone(),
            credential: word.or_else(|| self.credentials.word.clone()).or(own),
            headers: self.headers()?,
            identity: self.identity()?,
        })
    }

    fn headers(&self) -> Result<Vec<(HeaderName, Reference)>, NetworkError> {
        let path = self.credentials.headers.as_ref();
        path.map_or_else(|| Ok(Vec::new()), |path| headers(path))
    }

    fn identity(&self) -> Result<Option<Identity>, NetworkError> {
        let identity = self.credentials.certificate.as_ref().map(|(chain, key)| {
            Ok(Identity {
                chain: pem(chain)?,
                key: key.clone(),
            })
        });
        identity.transpose()
    }

    fn proxies(&self) -> Result<Proxies, NetworkError> {
        let variable = |name: &str| std::env::var(name).ok();
        match &self.proxy {
            Some(proxy) => {
                let except = variable("no_proxy").or_else(|| variable("NO_PROXY"));
                Ok(Proxies::all(proxy.clone(), NoProxy::parse(&except.unwrap_or_default())))
            }
            None => Proxies::from_environment(variable).map_err(NetworkError::Proxy),
        }
    }

    fn limits(&self) -> Limits {
        let defaults = Limits::default();
        Limits {
            body_bytes: self.download_bytes.unwrap_or(defaults.body_bytes),
            ..defaults
        }
    }
}

/// Reads a file of headers, one on each line; lines that are empty or begin with `#` are none.
fn headers(path: &Path) -> Result<Vec<(HeaderName, Reference)>, NetworkError> {
    let text = pem(path)?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let header = |(line, text): (usize, &str)| {
        let parted = text.split_once(':');
        let named = parted.and_then(|(name, value)| Some((HeaderName::from_str(name.trim()).ok()?, value.trim())));
        // What stands there may be the secret.
        let (name, value) = named.ok_or_else(|| NetworkError::NotAHeader {
            path: path.to_owned(),
            line,
        })?;
        Ok((name, Reference::Given(Secret::new(value))))
    };
    lines.map(header).collect()
}

/// Reads a file of certificates, or another text.
fn pem(path: &Path) -> Result<String, NetworkError> {
    let fault = |source| NetworkError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(fault)?;
    let mut bytes = Vec::new();
    let read = file.take(PEM_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
    let is_too_long = u64::try_from(read).unwrap_or(u64::MAX) > PEM_BYTES;
    String::from_utf8(bytes)
        .ok()
        .filter(|_| !is_too_long)
        .ok_or_else(|| NetworkError::NotPem(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_line_by_line_and_a_bad_one_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headers");
        std::fs::write(&path, "# Ours.\nPRIVATE-TOKEN: canary:1\n\nX-Other:2\n").unwrap();
        let read = headers(&path).unwrap();
        let given = |text| Reference::Given(Secret::new(text));
        let expected = [("private-token", given("canary:1")), ("x-other", given("2"))];
        assert_eq!(
            read,
            expected.map(|(name, value)| (HeaderName::from_static(name), value))
        );
        for text in ["canary", "X Y: canary", ": canary", "ok: 1\ncanary"] {
            std::fs::write(&path, text).unwrap();
            let said = headers(&path).unwrap_err().to_string();
            assert!(said.contains("is no header") && !said.contains("canary"), "{said}");
        }
    }
}
