//! The fields of a configuration that say who asks over a network, and how.

use std::path::{Path, PathBuf};

use k1s_getter_address::Secret as Key;
use k1s_getter_net::{Credential, Proxy, Reference};
use k1s_source::{Diagnostic, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "bucket")]
use crate::lender::Cloud;
#[cfg(feature = "github-app")]
use crate::lender::GithubApp;
use crate::network::Credentials;
#[cfg(feature = "ssh")]
use crate::network::SshKeys;

/// Who asks, in one of these ways; a certificate besides.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(inline)]
pub(crate) struct Identity {
    /// The user, with `password`.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    pub(crate) username: Option<String>,
    /// The password of `username`.
    #[serde(skip_serializing)]
    #[schemars(extend("x-k1s-file" = "passwordFile"))]
    pub(crate) password: Option<Secret>,
    /// A file with the password of `username`, which is read whenever it is needed.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    pub(crate) password_file: Option<PathBuf>,
    /// A token, sent as `Authorization: Bearer`.
    #[serde(skip_serializing)]
    #[schemars(extend("x-k1s-file" = "tokenFile"))]
    pub(crate) token: Option<Secret>,
    /// A file with a token, which is read whenever it is needed.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    pub(crate) token_file: Option<PathBuf>,
    /// A netrc file that has user and password of the server.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    pub(crate) netrc: Option<PathBuf>,
    /// A certificate that is shown to a server that asks for one, with those between it and its authority, in PEM.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    pub(crate) client_certificate: Option<PathBuf>,
    /// A file of headers that are sent along, one `NAME: VALUE` on each line; it is read when the server is first asked.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    pub(crate) headers_file: Option<PathBuf>,
    /// The key of `clientCertificate`, in PEM.
    #[serde(skip_serializing)]
    pub(crate) client_key: Option<Secret>,
    /// The cloud that lends keys or tokens for its buckets, by the chain that its own programs have: `aws`, `google` or `azure`.
    /// Only then the metadata service of this machine is asked.
    #[cfg(feature = "bucket")]
    #[schemars(with = "Cloud", extend("x-k1s-effect" = "tuning"))]
    pub(crate) cloud: Option<Cloud>,
    /// The App of GitHub that is lent tokens for repositories and archives.
    #[cfg(feature = "github-app")]
    #[schemars(with = "GithubApp")]
    pub(crate) github_app: Option<GithubApp>,
    /// A private key for SSH, as `ssh-keygen` writes it.
    #[cfg(feature = "ssh")]
    #[serde(skip_serializing)]
    pub(crate) ssh_key: Option<Secret>,
    /// The passphrase of `sshKey`.
    #[cfg(feature = "ssh")]
    #[serde(skip_serializing)]
    pub(crate) ssh_key_passphrase: Option<Secret>,
    /// A file that says which keys servers of SSH have, instead of `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`.
    #[cfg(feature = "ssh")]
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    pub(crate) known_hosts: Option<PathBuf>,
}

impl Identity {
    /// Checks what is said of who asks; relative paths begin at `base`.
    pub(crate) fn check(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> Credentials {
        let fault = |field: &str, said: &str| Diagnostic::error(format!("/credentials/{field}"), said);
        if self.ways() > 1 {
            let said = "more than one of `username`, `token`, `tokenFile`, `netrc`, `cloud` and `githubApp`";
            faults.push(Diagnostic::error("/credentials", said).suggestion("keep the one that the server takes"));
        }
        if self.password.is_some() && self.password_file.is_some() {
            faults.push(fault("passwordFile", "there is a `password`, too"));
        }
        if (self.password.is_some() || self.password_file.is_some()) && self.username.is_none() {
            faults.push(fault("username", "missing, and there is a `password`"));
        }
        if self.username.as_ref().is_some_and(|user| user.contains(':')) {
            faults.push(fault(
                "username",
                "a user has no colon in it; its password belongs in `password`",
            ));
        }
        let certificate = match (&self.client_certificate, &self.client_key) {
            (Some(path), Some(key)) => Some((base.join(path), Key::new(key.expose()))),
            (None, None) => None,
            (Some(_), None) => {
                faults.push(fault("clientKey", "missing, and there is a `clientCertificate`"));
                None
            }
            (None, Some(_)) => {
                faults.push(fault("clientCertificate", "missing, and there is a `clientKey`"));
                None
            }
        };
        Credentials {
            word: self.word(base),
            certificate,
            headers: self.headers_file.as_ref().map(|path| base.join(path)),
            #[cfg(feature = "bucket")]
            cloud: self.cloud,
            #[cfg(feature = "github-app")]
            app: None,
            #[cfg(feature = "ssh")]
            ssh: self.ssh(base, faults),
        }
    }

    /// Counts the ways in which it is said who asks.
    fn ways(&self) -> usize {
        let ways = [
            self.username.is_some(),
            self.token.is_some(),
            self.token_file.is_some(),
            self.netrc.is_some(),
            #[cfg(feature = "bucket")]
            self.cloud.is_some(),
            #[cfg(feature = "github-app")]
            self.github_app.is_some(),
        ];
        ways.into_iter().filter(|is_used| *is_used).count()
    }

    /// Checks what is said of SSH.
    #[cfg(feature = "ssh")]
    fn ssh(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> SshKeys {
        let secret = |secret: &Secret| Key::new(secret.expose());
        if self.ssh_key.is_none() && self.ssh_key_passphrase.is_some() {
            let said = "missing, and there is a `sshKeyPassphrase`";
            faults.push(Diagnostic::error("/credentials/sshKey", said));
        }
        let passphrase = self.ssh_key_passphrase.as_ref().map(secret);
        SshKeys {
            key: self.ssh_key.as_ref().map(|key| (secret(key), passphrase)),
            known_hosts: self.known_hosts.as_ref().map(|path| base.join(path)),
        }
    }

    fn word(&self, base: &Path) -> Option<Credential> {
        let place = |secret: &Option<Secret>, file: &Option<PathBuf>| match (secret, file) {
            (Some(secret), _) => Some(Reference::Given(Key::new(secret.expose()))),
            (None, Some(path)) => Some(Reference::File(base.join(path))),
            (None, None) => None,
        };
        let token = place(&self.token, &self.token_file).map(Credential::Bearer);
        let basic = self.username.as_ref().map(|user| Credential::Basic {
            user: Key::new(user),
            password: place(&self.password, &self.password_file).unwrap_or(Reference::Given(Key::new(""))),
        });
        let netrc = self.netrc.as_ref().map(|path| Credential::Netrc(base.join(path)));
        token.or(basic).or(netrc)
    }
}

/// Reads the field `proxy`.
pub(crate) fn proxy(text: Option<&str>, faults: &mut Vec<Diagnostic>) -> Option<Proxy> {
    let text = text?;
    if text.contains('@') {
        let said = "user and password of a proxy are secrets, which do not stand here";
        faults.push(Diagnostic::error("/proxy", said).suggestion("set HTTPS_PROXY in the environment instead"));
        return None;
    }
    match Proxy::parse(text) {
        Ok(proxy) => Some(proxy),
        Err(error) => {
            faults.push(Diagnostic::error("/proxy", error.to_string()));
            None
        }
    }
}
