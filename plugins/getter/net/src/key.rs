//! Credentials, and where they are kept.
//!
//! A secret is read whenever it is used, so that a file that was replaced counts from the next request on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use k1s_getter_address::{Login, Secret};
use tokio::io::AsyncReadExt as _;

use crate::netrc::{NETRC_BYTES, Netrc, NetrcError};
use crate::origin::Origin;
use crate::trust::Identity;

/// The longest secret, in bytes.
const SECRET_BYTES: usize = 64 << 10;

/// Headers that are not for settings: they say how a request is framed, where it goes, or what is asked for.
const OURS: [&str; 15] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "keep-alive",
    "proxy-authorization",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// In a file, without the line's end.
    File(PathBuf),
    /// In a variable of the environment.
    Environment(String),
    /// Here.
    Given(Secret),
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A user and a password (RFC 7617).
    Basic {
        /// The user, without a colon.
        user: Secret,
        /// The password.
        password: Reference,
    },
    /// A token (RFC 6750).
    Bearer(Reference),
    /// What a netrc file has for the origin; nothing is sent if it has nothing.
    Netrc(PathBuf),
}

impl Credential {
    /// Returns user and password of an address.
    pub fn of(login: &Login) -> Self {
        let password = login.password.clone();
        Self::Basic {
            user: login.user.clone(),
            password: Reference::Given(password.unwrap_or_else(|| Secret::new(""))),
        }
    }
}

/// What is sent to one origin, and to no other.
#[derive(Clone, Debug)]
pub struct Key {
    /// The origin.
    pub origin: Origin,
    /// Who asks.
    pub credential: Option<Credential>,
    /// Headers, each of which may be secret.
    pub headers: Vec<(HeaderName, Reference)>,
    /// The certificate that is shown if the server asks for one.
    pub identity: Option<Identity>,
}

impl Key {
    /// Returns a header that settings may not have.
    pub(crate) fn misplaced_header(&self) -> Option<&HeaderName> {
        let names = self.headers.iter().map(|(name, _)| name);
        let is_misplaced = |name: &&HeaderName| {
            OURS.contains(&name.as_str()) || (**name == AUTHORIZATION && self.credential.is_some())
        };
        names.into_iter().find(is_misplaced)
    }

    /// Reads what is sent.
    pub(crate) async fn read(&self) -> Result<Vec<(HeaderName, HeaderValue)>, KeyError> {
        let mut read = Vec::new();
        for (name, reference) in &self.headers {
            read.push((name.clone(), sensitive(reference.read().await?.expose())?));
        }
        if let Some(credential) = &self.credential
            && let Some(value) = credential.read(&self.origin).await?
        {
            read.push((AUTHORIZATION, sensitive(&value)?));
        }
        Ok(read)
    }
}

impl Credential {
    async fn read(&self, origin: &Origin) -> Result<Option<String>, KeyError> {
        Ok(match self {
            Self::Basic { user, password } => Some(basic(user, Some(&password.read().await?))?),
            Self::Bearer(token) => {
                let token = token.read().await?;
                if token.expose().is_empty() {
                    return Err(KeyError::Empty);
                }
                Some(format!("Bearer {}", token.expose()))
            }
            Self::Netrc(path) => {
                let text = read_file(path, NETRC_BYTES).await?;
                let login = Netrc::parse(&text)?.find(&origin.authority());
                login
                    .map(|login| basic(&login.user, login.password.as_ref()))
                    .transpose()?
            }
        })
    }
}

impl Reference {
    /// Reads what is there now.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub async fn read(&self) -> Result<Secret, KeyError> {
        match self {
            Self::File(path) => {
                let text = read_file(path, SECRET_BYTES).await?;
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    Err(KeyError::Empty)
                } else {
                    Ok(Secret::new(text))
                }
            }
            Self::Environment(name) => match std::env::var(name) {
                Ok(value) if value.len() > SECRET_BYTES => Err(KeyError::TooLong(SECRET_BYTES)),
                Ok(value) if value.is_empty() => Err(KeyError::Empty),
                Ok(value) => Ok(Secret::new(&value)),
                Err(_) => Err(KeyError::Environment(name.clone())),
            },
            Self::Given(secret) => Ok(secret.clone()),
        }
    }
}

/// Returns user and password as `Authorization` and `Proxy-Authorization` have them.
pub(crate) fn basic(user: &Secret, password: Option<&Secret>) -> Result<String, KeyError> {
    if user.expose().contains(':') {
        return Err(KeyError::Characters);
    }
    let password = password.map(Secret::expose).unwrap_or_default();
    let pair = format!("{}:{password}", user.expose());
    Ok(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

/// Returns a header's value that is not printed.
pub(crate) fn sensitive(value: &str) -> Result<HeaderValue, KeyError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| KeyError::Characters)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read_file(path: &Path, most: usize) -> Result<String, KeyError> {
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe would wait for whoever writes it.
    if !tokio::fs::metadata(path).await.map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a file")));
    }
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut text = Vec::new();
    let most_u64 = u64::try_from(most).unwrap_or(u64::MAX);
    file.take(most_u64.saturating_add(1))
        .read_to_end(&mut text)
        .await
        .map_err(failed)?;
    if text.len() > most {
        return Err(KeyError::TooLong(most));
    }
    String::from_utf8(text).map_err(|_| KeyError::Characters)
}

/// A credential cannot be had. Tells where it should be, and nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its variable is not there, or is no text.
    #[error("the variable {0} is not set, or is no text")]
    Environment(String),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is longer than is read.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It has characters that cannot be sent.
    #[error("it has characters that cannot be sent")]
    Characters,
    /// It is no netrc file.
    #[error(transparent)]
    Netrc(#[from] NetrcError),
}

/// The keys of a client.
#[derive(Clone, Default)]
pub(crate) struct Keys(pub(crate) Vec<Key>);

impl Keys {
    /// Reads what is sent to an origin.
    pub(crate) async fn read(&self, origin: &Origin) -> Result<Vec<(HeaderName, HeaderValue)>, KeyError> {
        let mut read = Vec::new();
        for key in self.0.iter().filter(|key| key.origin == *origin) {
            read.extend(key.read().await?);
        }
        Ok(read)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} redacted)", self.0.len())
    }
}
