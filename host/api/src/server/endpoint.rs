//! What a client has to know to talk to the server, and the kubeconfig that says it.
//!
//! The kubeconfig is YAML, but only in the two forms that are met here: as [`Endpoint::to_kubeconfig`] writes it, and
//! as kubectl writes it back when a person changes, say, the namespace of the context. In both each value is on a line
//! of its own behind its key. What is read is no more than that; a file with two clusters or two users is somebody
//! else's and refused.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

use super::loopback::{Loopback, NotLoopback};
use super::pem;
use super::private_file::{self, FileError};
use super::token::Token;

const SERVER: &str = "server";
const AUTHORITY: &str = "certificate-authority-data";
const TOKEN: &str = "token";

/// What a client has to know to talk to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Loopback,
    /// The certificate of the authority to trust, and no other, in DER.
    pub authority: CertificateDer<'static>,
    /// What admits.
    pub token: Token,
}

/// Why a kubeconfig does not tell the endpoint.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not there.
    #[error("{} is missing: no host has served this store's API yet", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A value is not there, or there are several.
    #[error("{}: {count} lines {key:?} where one is expected; kubeconfig --rotate writes it anew", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// How many lines have it.
        count: usize,
    },
    /// The server is not on this machine.
    #[error("{}: {source}; kubeconfig --rotate writes it anew", path.display())]
    Server {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: NotLoopback,
    },
    /// A value has not its form.
    #[error("{}: the value of {key:?} is not one; kubeconfig --rotate writes it anew", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
}

impl Endpoint {
    /// Reads the kubeconfig.
    ///
    /// # Errors
    /// When it is missing, others may read it, or it does not name exactly one server, authority and token.
    pub fn read(path: &Path) -> Result<Self, EndpointError> {
        let Some(text) = private_file::read(path)? else {
            return Err(EndpointError::Missing { path: path.to_owned() });
        };
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, EndpointError> {
        let malformed = |key| EndpointError::Value {
            path: path.to_owned(),
            key,
        };
        let server = value(text, SERVER, path)?;
        let address = server.strip_prefix("https://").ok_or_else(|| malformed(SERVER))?;
        let address = address.parse().map_err(|source| EndpointError::Server {
            path: path.to_owned(),
            source,
        })?;
        let pem = STANDARD.decode(value(text, AUTHORITY, path)?);
        let pem = pem.map_err(|_| malformed(AUTHORITY))?;
        let authority = CertificateDer::from_pem_slice(&pem).map_err(|_| malformed(AUTHORITY))?;
        let token = Token::parse(value(text, TOKEN, path)?).ok_or_else(|| malformed(TOKEN))?;
        Ok(Self {
            address,
            authority,
            token,
        })
    }

    /// The kubeconfig. All values are of the alphabets of base64 or of addresses, which need no escaping inside quotes.
    pub(super) fn to_kubeconfig(&self) -> String {
        let pem = pem::encode(pem::CERTIFICATE, &self.authority);
        let (authority, address, token) = (STANDARD.encode(pem), self.address, self.token.reveal());
        format!(
            "apiVersion: v1
kind: Config
clusters:
- name: k1s-sync
  cluster:
    {SERVER}: \"https://{address}\"
    {AUTHORITY}: \"{authority}\"
contexts:
- name: k1s-sync
  context:
    cluster: k1s-sync
    namespace: default
    user: k1s-sync
current-context: k1s-sync
preferences: {{}}
users:
- name: k1s-sync
  user:
    {TOKEN}: \"{token}\"
"
        )
    }
}

/// The value of the one line with a key.
fn value<'a>(text: &'a str, key: &'static str, path: &Path) -> Result<&'a str, EndpointError> {
    let found: Vec<&str> = text.lines().filter_map(|line| value_on(line, key)).collect();
    match found.as_slice() {
        [value] => Ok(value),
        several => Err(EndpointError::Count {
            path: path.to_owned(),
            key,
            count: several.len(),
        }),
    }
}

fn value_on<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim();
    let entry = line.strip_prefix("- ").unwrap_or(line);
    let value = entry.strip_prefix(key)?.strip_prefix(':')?.trim();
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some(quoted.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/data/kubeconfig";

    fn endpoint() -> Endpoint {
        Endpoint {
            address: "[::1]:6443".parse().unwrap(),
            authority: CertificateDer::from(vec![7; 100]),
            token: Token::generate().unwrap(),
        }
    }

    fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse(text, Path::new(PATH))
    }

    #[test]
    fn what_was_written_is_read_also_after_kubectl_wrote_it_back() {
        let endpoint = endpoint();
        let text = endpoint.to_kubeconfig();
        assert_eq!(parse(&text).unwrap(), endpoint);
        assert_eq!(parse(&text.replace('"', "")).unwrap(), endpoint);
        let listed = text.replace("  user:\n    token", "  user:\n  - token");
        assert_eq!(parse(&listed).unwrap(), endpoint);
    }

    #[test]
    fn what_is_not_ours_is_refused_by_key() {
        let text = endpoint().to_kubeconfig();
        let cases = [
            (String::new(), "0 lines \"server\""),
            (format!("{text}{text}"), "2 lines \"server\""),
            (text.replace("token:", "tokenFile:"), "0 lines \"token\""),
            (text.replace("token: \"", "token: \"x"), "value of \"token\""),
            (text.replace("https:", "http:"), "value of \"server\""),
            (text.replace("[::1]", "[::2]"), "::2 is not 127.0.0.1 or ::1"),
            (
                text.replace("-data: \"", "-data: \"x"),
                "value of \"certificate-authority-data\"",
            ),
        ];
        for (text, expected) in cases {
            let message = parse(&text).unwrap_err().to_string();
            assert!(message.starts_with(PATH), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }
}
