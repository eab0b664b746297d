//! What a server is known by, from one run to the next: authority, token, address.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k1s_object::InstanceId;
use k1s_store::clock::Clock;
use thiserror::Error;

use super::authority::{Authority, AuthorityError};
use super::loopback::{Loopback, NotLoopback};
use super::private_file::{self, FileError};
use super::token::TokenGate;

const CERTIFICATE_FILE: &str = "ca.crt";
const KEY_FILE: &str = "ca.key";
const ADDRESS_FILE: &str = "address";

/// The rights of the directory.
const OWNER_ONLY: u32 = 0o700;

/// What a server is known by: a directory that only its owner may enter.
#[derive(Clone)]
pub struct Identity {
    directory: Arc<Path>,
    authority: Arc<Authority>,
    clock: Arc<dyn Clock>,
}

/// Why an identity cannot be had.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of the authority is gone while others are there.
    #[error("{} is missing; {}", path.display(), way_out(path))]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The authority in the directory is of no use.
    #[error("{}: {source}; {}", path.display(), way_out(path))]
    Unusable {
        /// The file at fault; of a pair that does not belong together, the certificate.
        path: PathBuf,
        /// Why.
        #[source]
        source: AuthorityError,
    },
    /// A new authority could not be made.
    #[error("no authority could be made: {0}")]
    Make(#[source] AuthorityError),
    /// The kept address is none.
    #[error("{}: {source}; delete this file, and another port is chosen", path.display())]
    Address {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: NotLoopback,
    },
}

fn way_out(path: &Path) -> String {
    let directory = path.parent().unwrap_or(path).display();
    format!("delete {directory} to make a new authority (clients then need the new kubeconfig)")
}

/// Keeps other processes from changing the token and the kubeconfig until it is dropped.
#[derive(Debug)]
pub(super) struct Changing {
    #[expect(dead_code, reason = "the system lets go of the lock when it is closed")]
    locked: File,
}

impl Identity {
    /// Opens the identity in `directory`, whose parent must exist; makes one when nothing is there.
    ///
    /// # Errors
    /// When the directory is not private, a file in it is damaged or missing, or the authority's time is over.
    /// Nothing is replaced then.
    pub fn open(directory: &Path, instance: &InstanceId, clock: Arc<dyn Clock>) -> Result<Self, IdentityError> {
        if is_empty(directory)? {
            make(directory, instance, clock.as_ref())?;
        }
        Self::existing(directory, clock)
    }

    /// Opens the identity in `directory`, which must be there.
    ///
    /// # Errors
    /// As [`Identity::open`], and when there is none.
    pub fn existing(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, IdentityError> {
        let opened = File::open(directory).map_err(FileError::io(directory))?;
        private_file::refuse_others(&opened, directory)?;
        let authority = read_authority(directory, clock.as_ref())?;
        Ok(Self {
            directory: directory.into(),
            authority: Arc::new(authority),
            clock,
        })
    }

    /// The authority.
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Says who may come in.
    #[must_use]
    pub fn gate(&self) -> TokenGate {
        TokenGate::new(&self.directory)
    }

    /// What a person should know while there is time: that the authority ends in less than 90 days, and the way out.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let until = self.authority.ending(self.clock.now())?;
        let path = self.directory.join(CERTIFICATE_FILE);
        let until = k1s_store::served::rfc3339(until);
        let out = way_out(&path);
        Some(format!("{}: the authority ends at {until}; {out}", path.display()))
    }

    /// Where the server listened last; none when it never has.
    ///
    /// # Errors
    /// When the file cannot be read or holds no loopback address.
    pub fn address(&self) -> Result<Option<Loopback>, IdentityError> {
        let path = self.directory.join(ADDRESS_FILE);
        let Some(text) = private_file::read(&path)? else {
            return Ok(None);
        };
        let address = text.strip_suffix('\n').unwrap_or(&text).parse();
        address
            .map(Some)
            .map_err(|source| IdentityError::Address { path, source })
    }

    pub(super) fn keep_address(&self, address: Loopback) -> Result<(), IdentityError> {
        let path = self.directory.join(ADDRESS_FILE);
        Ok(private_file::write(&path, &format!("{address}\n"))?)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Waits for other processes that change the token or the kubeconfig: as long as it takes to write two small files.
    pub(super) fn change(&self) -> Result<Changing, FileError> {
        let locked = File::open(&self.directory).map_err(FileError::io(&self.directory))?;
        locked.lock().map_err(FileError::io(&self.directory))?;
        Ok(Changing { locked })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("directory", &self.directory)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

fn is_empty(directory: &Path) -> Result<bool, FileError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(FileError::io(directory)(source)),
    }
}

/// Makes the whole directory under another name and renames it, so that a run that is killed leaves no half of one.
fn make(directory: &Path, instance: &InstanceId, clock: &dyn Clock) -> Result<(), IdentityError> {
    let parent = directory.parent().unwrap_or(Path::new("."));
    let made = Authority::generate(instance, clock.now()).map_err(IdentityError::Make)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".unfinished-")
        .permissions(Permissions::from_mode(OWNER_ONLY))
        .tempdir_in(parent)
        .map_err(FileError::io(parent))?;
    private_file::write(&unfinished.path().join(KEY_FILE), &made.key_pem)?;
    private_file::write(&unfinished.path().join(CERTIFICATE_FILE), &made.certificate_pem)?;
    match fs::rename(unfinished.path(), directory) {
        Ok(()) => private_file::sync_directory(parent)?,
        // Another process was faster: its authority is the one.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => (),
        Err(source) => return Err(FileError::io(directory)(source).into()),
    }
    Ok(())
}

fn read_authority(directory: &Path, clock: &dyn Clock) -> Result<Authority, IdentityError> {
    let certificate_path = directory.join(CERTIFICATE_FILE);
    let key_path = directory.join(KEY_FILE);
    let certificate = read_existing(&certificate_path)?;
    let key = read_existing(&key_path)?;
    Authority::parse(&certificate, &key, clock.now()).map_err(|source| IdentityError::Unusable {
        path: match &source {
            AuthorityError::Key(_) => key_path,
            AuthorityError::Certificate(_)
            | AuthorityError::NotAnAuthority
            | AuthorityError::Mismatch
            | AuthorityError::Ended { .. }
            | AuthorityError::NotYet { .. }
            | AuthorityError::Issue(_)
            | AuthorityError::Clock => certificate_path,
        },
        source,
    })
}

fn read_existing(path: &Path) -> Result<String, IdentityError> {
    private_file::read(path)?.ok_or_else(|| IdentityError::Missing { path: path.to_owned() })
}
