//! Why a program cannot be run.

use k1s_getter_net::NetError;

use crate::known::KnownHostsError;

/// The most characters of a server's own words that are shown.
const WORDS: usize = 200;

/// A program cannot be run on a server.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// No connection came about.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The server is not known to be itself.
    #[error(transparent)]
    Host(#[from] KnownHostsError),
    /// Server and client have nothing in common.
    #[error("the server and this client have no {kind} in common; the server offers {theirs}")]
    Strangers {
        /// What.
        kind: &'static str,
        /// What the server offers.
        theirs: String,
    },
    /// There is no key to prove who asks.
    #[error("the server lets nobody in as {0} without a key: name one in `credentials.sshKey`")]
    NoKey(String),
    /// The server does not take the key.
    #[error("the server does not let {user} in with the key {fingerprint}")]
    Refused {
        /// Whom it was asked to be.
        user: String,
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// The server takes an RSA key with SHA-1 only.
    #[error("the server takes signatures of RSA with SHA-1 only, which are not made; use a key of another kind")]
    OldSignature,
    /// The server runs no program.
    #[error("the server does not run the program")]
    NotRun,
    /// The connection failed, or is not one of SSH.
    #[error("the connection of SSH failed: {0}")]
    Protocol(#[source] russh::Error),
}

/// A user is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the user {0:?} cannot be asked for over SSH: it is empty, begins with a dash, or has characters that no name has"
)]
pub struct UserError(pub(crate) String);

impl From<russh::Error> for SshError {
    fn from(error: russh::Error) -> Self {
        if let russh::Error::NoCommonAlgo { kind, theirs, .. } = error {
            return Self::Strangers {
                kind: match kind {
                    russh::AlgorithmKind::Kex => "key exchange",
                    russh::AlgorithmKind::Key => "kind of host key",
                    russh::AlgorithmKind::Cipher => "cipher",
                    russh::AlgorithmKind::Compression => "compression",
                    russh::AlgorithmKind::Mac => "authentication of messages",
                },
                theirs: shown(theirs.join(", ").as_bytes()),
            };
        }
        Self::Protocol(error)
    }
}

/// A server's own words, short and printable.
pub(crate) fn shown(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(words);
    let printable = text
        .trim()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    let mut shown: String = printable.take(WORDS).collect();
    if text.trim().chars().nth(WORDS).is_some() {
        shown.push('…');
    }
    shown
}
