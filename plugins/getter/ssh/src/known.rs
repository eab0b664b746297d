//! Which keys servers have: files of known hosts, as `sshd(8)` describes them.
//!
//! Authorities of hosts (`@cert-authority`) are passed over, for certificates of hosts are not asked for.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use k1s_getter_net::Peer;
use russh::keys::PublicKey;
use russh::keys::ssh_key::{Algorithm, HashAlg};
use sha1::Sha1;

/// The longest file of known hosts, in bytes.
const FILE_BYTES: u64 = 4 << 20;
/// Where a user's known hosts are, in the home directory, and everybody's.
const USERS: &str = ".ssh/known_hosts";
const EVERYBODYS: &str = "/etc/ssh/ssh_known_hosts";
/// The port that is not named.
const PORT: u16 = 22;
/// What hashed names begin with.
const HASHED: &str = "|1|";
const REVOKED: &str = "@revoked";

/// Files that say which keys servers have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHosts {
    files: Vec<PathBuf>,
    /// Whether a file may not be there.
    absence: Absence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    Allowed,
    Fault,
}

/// A server is not known to be itself.
#[derive(Debug, thiserror::Error)]
pub enum KnownHostsError {
    /// A file cannot be read.
    #[error("the known hosts in {} cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is longer than is read.
    #[error("{} has more than {FILE_BYTES} bytes", .0.display())]
    TooLong(PathBuf),
    /// Its key is in none of the files.
    #[error(
        "{host} is not known: its key is {algorithm} {fingerprint}, which is not in {}; if that is its key, which only whoever runs \
         the server can say, add the line {line:?}, or name a file that has it in `credentials.knownHosts`",
        names(files)
    )]
    Unknown {
        /// The server, as the files name it.
        host: String,
        /// The kind of key.
        algorithm: String,
        /// Its fingerprint.
        fingerprint: String,
        /// The line that would make it known.
        line: String,
        /// Where it was looked for.
        files: Vec<PathBuf>,
    },
    /// It has another key than a file says.
    #[error(
        "{host} shows the key {algorithm} {fingerprint}, and {} says in line {line} that it has another: somebody may be between, or \
         the server got a new key; only if whoever runs it says so, replace that line",
        file.display()
    )]
    Changed {
        /// The server, as the files name it.
        host: String,
        /// The kind of key.
        algorithm: String,
        /// Its fingerprint.
        fingerprint: String,
        /// The file that says so.
        file: PathBuf,
        /// The line.
        line: usize,
    },
    /// Its key is one that must not be used any more.
    #[error("{host} shows the key {fingerprint}, which {} says in line {line} is revoked", file.display())]
    Revoked {
        /// The server, as the files name it.
        host: String,
        /// The key's fingerprint.
        fingerprint: String,
        /// The file that says so.
        file: PathBuf,
        /// The line.
        line: usize,
    },
}

fn names(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    if names.is_empty() {
        "any file".to_owned()
    } else {
        names.join(" or ")
    }
}

/// What files say of one server.
#[derive(Debug)]
pub(crate) struct Known {
    host: String,
    files: Vec<PathBuf>,
    lines: Vec<Line>,
}

/// A line that is about a server.
#[derive(Debug)]
struct Line {
    file: PathBuf,
    number: usize,
    is_revoked: bool,
    key: PublicKey,
}

impl KnownHosts {
    /// Takes one file, which has to be there.
    pub fn file(path: PathBuf) -> Self {
        Self {
            files: vec![path],
            absence: Absence::Fault,
        }
    }

    /// Takes the file of the user whose home directory this is, and that of everybody on this machine, as far as they are there.
    pub fn of_user(home: Option<&Path>) -> Self {
        let users = home.map(|home| home.join(USERS));
        Self {
            files: users.into_iter().chain([PathBuf::from(EVERYBODYS)]).collect(),
            absence: Absence::Allowed,
        }
    }

    /// Reads what the files say of a server now.
    pub(crate) fn of(&self, peer: &Peer) -> Result<Known, KnownHostsError> {
        let host = host(peer);
        let mut lines = Vec::new();
        for path in &self.files {
            match read(path) {
                Ok(text) => lines.extend(about(&host, path, &text)),
                Err(KnownHostsError::File { source, .. })
                    if self.absence == Absence::Allowed && source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Known {
            host,
            files: self.files.clone(),
            lines,
        })
    }
}

impl Known {
    /// Makes sure that a key is the server's.
    pub(crate) fn judge(&self, key: &PublicKey) -> Result<(), KnownHostsError> {
        let (host, fingerprint) = (self.host.clone(), key.fingerprint(HashAlg::Sha256).to_string());
        let is_same = |line: &&Line| line.key.key_data() == key.key_data();
        if let Some(Line { file, number, .. }) = self.lines.iter().filter(|line| line.is_revoked).find(is_same) {
            return Err(KnownHostsError::Revoked {
                host,
                fingerprint,
                file: file.clone(),
                line: *number,
            });
        }
        let valid = || self.lines.iter().filter(|line| !line.is_revoked);
        if valid().any(|line| is_same(&line)) {
            return Ok(());
        }
        let algorithm = key.algorithm();
        // Of what it is known by, those kinds were asked for first: that it shows another is that it has none of them any more.
        let other = valid()
            .find(|line| line.key.algorithm() == algorithm)
            .or_else(|| valid().next());
        let algorithm = algorithm.to_string();
        Err(match other {
            Some(Line { file, number, .. }) => KnownHostsError::Changed {
                host,
                algorithm,
                fingerprint,
                file: file.clone(),
                line: *number,
            },
            None => KnownHostsError::Unknown {
                line: format!("{host} {}", key.to_openssh().unwrap_or_default()),
                host,
                algorithm,
                fingerprint,
                files: self.files.clone(),
            },
        })
    }

    /// Returns the kinds of keys to ask for, of which those come first that the server is known to have.
    pub(crate) fn algorithms(&self, all: &[Algorithm]) -> Vec<Algorithm> {
        let is_known = |algorithm: &&Algorithm| {
            let lines = self.lines.iter().filter(|line| !line.is_revoked);
            // Keys of RSA have no hash; signatures with them have.
            lines
                .map(|line| line.key.algorithm())
                .any(|known| known == **algorithm || known.is_rsa() && matches!(algorithm, Algorithm::Rsa { .. }))
        };
        let (known, other): (Vec<&Algorithm>, Vec<&Algorithm>) = all.iter().partition(is_known);
        known.into_iter().chain(other).cloned().collect()
    }
}

/// Returns the name of a server, as files have it.
fn host(peer: &Peer) -> String {
    let name = peer.name.to_string().to_ascii_lowercase();
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if peer.port == PORT {
        name.to_owned()
    } else {
        format!("[{name}]:{}", peer.port)
    }
}

fn read(path: &Path) -> Result<String, KnownHostsError> {
    let fault = |source| KnownHostsError::File {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fault)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(KnownHostsError::TooLong(path.to_owned()));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the lines of a file that are about a server; what is no line is passed over, as OpenSSH does.
fn about(host: &str, path: &Path, text: &str) -> Vec<Line> {
    let line = |(at, text): (usize, &str)| {
        let mut words = text.split_ascii_whitespace();
        let first = words.next().filter(|word| !word.starts_with('#'))?;
        let (is_revoked, hosts) = match first {
            REVOKED => (true, words.next()?),
            marked if marked.starts_with('@') => return None,
            hosts => (false, hosts),
        };
        let key = format!("{} {}", words.next()?, words.next()?);
        if !names_host(hosts, host) {
            return None;
        }
        Some(Line {
            file: path.to_owned(),
            number: at + 1,
            is_revoked,
            key: PublicKey::from_openssh(&key).ok()?,
        })
    };
    text.lines().enumerate().filter_map(line).collect()
}

/// Tells whether a list of names has a server: one of them does, and none that is negated.
fn names_host(hosts: &str, host: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix(HASHED) {
        return is_hash_of(hashed, host).unwrap_or(false);
    }
    let mut is_named = false;
    for pattern in hosts.split(',') {
        let (is_negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        if matches(&pattern.to_ascii_lowercase(), host) {
            if is_negated {
                return false;
            }
            is_named = true;
        }
    }
    is_named
}

/// Tells whether a hashed name, `SALT|HASH`, is that of a server.
fn is_hash_of(hashed: &str, host: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    let hmac = Hmac::<Sha1>::new_from_slice(&salt).ok()?;
    Some(hmac.chain_update(host).verify_slice(&hash).is_ok())
}

/// Tells whether a text matches a pattern of `*` and `?`, in time that is their product.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    // Where the last star was, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                from += 1;
            }
            Some(_) | None => match star {
                Some((behind, taken)) => {
                    star = Some((behind, taken + 1));
                    at = behind + 1;
                    from = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests;
