//! What the command line says of how something is fetched; it means what the fields of a configuration do.

use std::path::Path;
#[cfg(feature = "net")]
use std::path::PathBuf;

#[cfg(feature = "net")]
use k1s_source::Secret;
use k1s_source::{Diagnostic, OneOrMany};

#[cfg(feature = "net")]
use crate::identity::Identity;
#[cfg(feature = "bucket")]
use crate::lender::Cloud;
#[cfg(feature = "git")]
use crate::verify::{Mode, Verify};

use super::{Allowed, Config, Settings};

/// How something is fetched.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Permits a transport that is not protected
    #[arg(long, value_name = "TRANSPORT", value_enum)]
    allow: Vec<Allowed>,
    /// Takes of a repository the tag with the highest version in a range, as ">=1.2 <2"
    #[cfg(feature = "git")]
    #[arg(long, value_name = "RANGE")]
    semver: Option<String>,
    /// What of a repository has to be signed
    #[cfg(feature = "git")]
    #[arg(long, value_name = "WHAT", value_enum)]
    verify: Option<Mode>,
    /// A file of allowed signers whose SSH signatures count
    #[cfg(feature = "git")]
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// A keyring whose OpenPGP signatures count
    #[cfg(feature = "git")]
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Fetches the submodules of a repository, too
    #[cfg(feature = "git")]
    #[arg(long)]
    submodules: bool,
    /// The user that asks
    #[cfg(feature = "net")]
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Where the user's password is, as @FILE or env:NAME
    #[cfg(feature = "net")]
    #[arg(long, value_name = "PLACE")]
    password: Option<String>,
    /// Where a token is, as @FILE or env:NAME
    #[cfg(feature = "net")]
    #[arg(long, value_name = "PLACE")]
    token: Option<String>,
    /// A file of headers that are sent along, one NAME: VALUE on each line
    #[cfg(feature = "net")]
    #[arg(long, value_name = "FILE")]
    headers_file: Option<PathBuf>,
    /// The cloud that lends keys or tokens for its buckets
    #[cfg(feature = "bucket")]
    #[arg(long, value_name = "CLOUD", value_enum)]
    cloud: Option<Cloud>,
    /// A netrc file
    #[cfg(feature = "net")]
    #[arg(long, value_name = "FILE")]
    netrc: Option<PathBuf>,
    /// The proxy for everything
    #[cfg(feature = "net")]
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Authorities that are believed besides those of the system, in PEM
    #[cfg(feature = "net")]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Where a secret is: never on the command line itself, which others see.
#[cfg(feature = "net")]
enum Place {
    File(PathBuf),
    Here(Secret),
}

/// Reads where a secret is; what stands there instead may be the secret itself, and is not repeated.
#[cfg(feature = "net")]
fn place(text: &str) -> Result<Place, Vec<Diagnostic>> {
    let fault = |said: String| vec![Diagnostic::error("/credentials", said)];
    match (text.strip_prefix('@'), text.strip_prefix("env:")) {
        (Some(path), _) if !path.is_empty() => Ok(Place::File(PathBuf::from(path))),
        (None, Some(name)) if !name.is_empty() => match std::env::var(name) {
            Ok(value) => Ok(Place::Here(value.into())),
            Err(_) => Err(fault(format!(
                "the environment has no variable {name}, or it is not UTF-8"
            ))),
        },
        (Some(_) | None, _) => Err(fault("a secret is written as @FILE or env:NAME".to_owned())),
    }
}

impl Options {
    /// Reads addresses and how they are fetched; relative paths begin at `base`.
    ///
    /// # Errors
    /// Returns every fault found.
    pub(crate) fn settings(&self, sources: &[String], base: &Path) -> Result<Settings, Vec<Diagnostic>> {
        let config = Config {
            source: OneOrMany::Many(sources.to_vec()),
            allow: self.allow.clone(),
            #[cfg(feature = "git")]
            semver: self.semver.clone(),
            #[cfg(feature = "git")]
            verify: Verify::of(self.verify, self.allowed_signers.clone(), self.keyring.clone()),
            #[cfg(feature = "git")]
            submodules: self.submodules,
            #[cfg(feature = "net")]
            credentials: self.identity()?,
            #[cfg(feature = "net")]
            proxy: self.proxy.clone(),
            #[cfg(feature = "net")]
            ca_file: self.ca_file.clone(),
            ..Config::default()
        };
        config.check(base)
    }

    #[cfg(feature = "net")]
    fn identity(&self) -> Result<Identity, Vec<Diagnostic>> {
        let mut identity = Identity {
            username: self.username.clone(),
            netrc: self.netrc.clone(),
            headers_file: self.headers_file.clone(),
            #[cfg(feature = "bucket")]
            cloud: self.cloud,
            ..Identity::default()
        };
        match self.password.as_deref().map(place).transpose()? {
            Some(Place::File(path)) => identity.password_file = Some(path),
            Some(Place::Here(secret)) => identity.password = Some(secret),
            None => {}
        }
        match self.token.as_deref().map(place).transpose()? {
            Some(Place::File(path)) => identity.token_file = Some(path),
            Some(Place::Here(secret)) => identity.token = Some(secret),
            None => {}
        }
        Ok(identity)
    }
}
