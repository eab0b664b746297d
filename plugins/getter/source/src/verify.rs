//! Whose signature what is fetched of a repository must have.
//!
//! What is verified are the bytes of a commit or tag as they are stored, whose hash names them; what they lead to is named by
//! hashes in turn. A tag says what it is called, and has to be called as the reference that was asked for: else an older
//! tag, once signed, could be served under the name of a newer one.
//!
//! The files of who is trusted are read with every look, so that who was taken out of them counts no more from then on.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use k1s_getter_git::{ObjectError, ObjectId, Objects, Target};
use k1s_getter_signature::{Signed, SignedError, Signers, SignersError, VerifyError, limits::SIGNERS_BYTES};
use k1s_source::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::kept::hexadecimal;

/// What references to tags begin with.
const TAGS: &str = "refs/tags/";

/// Whose signature repositories must have, as it is configured.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(inline)]
pub(crate) struct Verify {
    /// What has to be signed: the commit (`HEAD`), the annotated tag that `ref` or `semver` names (`Tag`), or both
    /// (`TagAndHEAD`).
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    mode: Mode,
    /// A file of allowed signers, as `ssh-keygen` takes it, whose SSH signatures count.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    allowed_signers: Option<PathBuf>,
    /// A keyring, armored or not, whose OpenPGP signatures count.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    keyring: Option<PathBuf>,
}

/// What has to be signed; the words are Flux'.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[schemars(inline)]
pub(crate) enum Mode {
    /// The commit.
    #[default]
    #[serde(rename = "HEAD")]
    #[value(name = "HEAD")]
    Head,
    /// The tag.
    #[value(name = "Tag")]
    Tag,
    /// Both.
    #[serde(rename = "TagAndHEAD")]
    #[value(name = "TagAndHEAD")]
    TagAndHead,
}

impl Mode {
    /// Returns whether a tag has to be signed.
    #[must_use]
    pub(crate) fn wants_tag(self) -> bool {
        match self {
            Self::Head => false,
            Self::Tag | Self::TagAndHead => true,
        }
    }

    fn wants_commit(self) -> bool {
        match self {
            Self::Tag => false,
            Self::Head | Self::TagAndHead => true,
        }
    }
}

/// Where it stands who is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trust {
    /// What has to be signed.
    pub(crate) mode: Mode,
    allowed_signers: Option<PathBuf>,
    keyring: Option<PathBuf>,
}

/// Who is trusted now.
#[derive(Debug)]
pub(crate) struct Trusted {
    mode: Mode,
    signers: Signers,
    /// Names who is trusted with what.
    mark: String,
}

/// What was fetched is not signed as it must be, or it is not known by whom that would be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// A file of who is trusted cannot be read.
    #[error("`verify`: {} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file of who is trusted is none.
    #[error("`verify`: {}: {source}", path.display())]
    Signers {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SignersError,
    },
    /// There is no signature.
    #[error("{0} is not signed; sign it, or name a `ref` that is")]
    Unsigned(What),
    /// There is more or less than one signature that could be looked at.
    #[error("{what}: {source}")]
    Apart {
        /// Of what.
        what: What,
        /// What is wrong with it.
        #[source]
        source: SignedError,
    },
    /// The signature counts for nothing.
    #[error("{what}: {source}; who is trusted stands in `verify.allowedSigners` and `verify.keyring`")]
    Untrusted {
        /// Of what.
        what: What,
        /// Why.
        #[source]
        source: VerifyError,
    },
    /// A tag is wanted, and something else was named.
    #[error(
        "`verify.mode` asks for a signed tag, and {0} is no annotated tag; name one in `ref` or `semver`, or set the mode to HEAD"
    )]
    NoTag(String),
    /// A tag calls itself by another name.
    #[error("the tag {asked} was signed as {says:?}, and is another's")]
    OtherTag {
        /// The name of the reference.
        asked: String,
        /// What it says.
        says: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// What has to be signed of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The commit.
    Commit(ObjectId),
    /// The tag of this name.
    Tag(String),
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commit(id) => write!(f, "the commit {id}"),
            Self::Tag(name) => write!(f, "the tag {name}"),
        }
    }
}

impl Verify {
    /// Says what has to be signed, and by whom; `None` if nothing is said.
    pub(crate) fn of(mode: Option<Mode>, allowed_signers: Option<PathBuf>, keyring: Option<PathBuf>) -> Option<Self> {
        let is_said = mode.is_some() || allowed_signers.is_some() || keyring.is_some();
        is_said.then(|| Self {
            mode: mode.unwrap_or_default(),
            allowed_signers,
            keyring,
        })
    }

    /// Checks what is said of who is trusted; relative paths begin at `base`. `None` is a fault: nobody would be
    /// trusted.
    pub(crate) fn check(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> Option<Trust> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(|path| base.join(path));
        let trust = Trust::new(self.mode, absolute(&self.allowed_signers), absolute(&self.keyring));
        if trust.allowed_signers.is_some() || trust.keyring.is_some() {
            return Some(trust);
        }
        let fault = Diagnostic::error("/verify", "nobody is trusted, so that nothing would be taken");
        faults.push(fault.suggestion("name a file of `allowedSigners`, or a `keyring`"));
        None
    }
}

impl Trust {
    /// Trusts those of files.
    #[must_use]
    pub(crate) fn new(mode: Mode, allowed_signers: Option<PathBuf>, keyring: Option<PathBuf>) -> Self {
        Self {
            mode,
            allowed_signers,
            keyring,
        }
    }

    /// Reads who is trusted now.
    ///
    /// # Errors
    /// Fails if a file cannot be read or is none of its kind.
    pub(crate) fn read(&self) -> Result<Trusted, TrustError> {
        let mut signers = Signers::nobody();
        let mut hasher = Sha256::new();
        hasher.update(format!("{:?}", self.mode));
        if let Some(path) = &self.allowed_signers {
            let bytes = bounded(path)?;
            hasher.update(Sha256::digest(&bytes));
            let text = String::from_utf8_lossy(&bytes);
            signers.allow_ssh(&text).map_err(fault(path))?;
        }
        if let Some(path) = &self.keyring {
            let bytes = bounded(path)?;
            hasher.update(Sha256::digest(&bytes));
            signers.allow_pgp(&bytes).map_err(fault(path))?;
        }
        Ok(Trusted {
            mode: self.mode,
            signers,
            mark: hexadecimal(&hasher.finalize()),
        })
    }
}

impl Trusted {
    /// Returns what names who is trusted with what: a state that was verified otherwise has to be again.
    #[must_use]
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Makes sure that a state is signed as it must be.
    ///
    /// # Errors
    /// Says what is not, and whose signature it has instead.
    pub(crate) fn check(&self, objects: &Objects, target: &Target) -> Result<(), TrustError> {
        if self.mode.wants_tag() {
            self.tag(objects, target)?;
        }
        if self.mode.wants_commit() {
            let commit = objects.commit(&target.commit)?;
            self.signed(What::Commit(target.commit), Signed::commit(&commit.raw))?;
        }
        Ok(())
    }

    fn tag(&self, objects: &Objects, target: &Target) -> Result<(), TrustError> {
        let reference = target.reference.as_ref().map(|name| name.as_str());
        let found = reference.unwrap_or("the commit");
        let Some(name) = reference.and_then(|name| name.strip_prefix(TAGS)) else {
            return Err(TrustError::NoTag(found.to_owned()));
        };
        let tag = match objects.tag(&target.id) {
            Ok(tag) => tag,
            Err(ObjectError::Kind { .. }) => return Err(TrustError::NoTag(found.to_owned())),
            Err(error) => return Err(error.into()),
        };
        self.signed(What::Tag(name.to_owned()), Signed::tag(&tag.raw))?;
        if tag.name != name {
            return Err(TrustError::OtherTag {
                asked: name.to_owned(),
                says: tag.name,
            });
        }
        Ok(())
    }

    fn signed(&self, what: What, signed: Result<Option<Signed>, SignedError>) -> Result<(), TrustError> {
        let signed = match signed {
            Ok(Some(signed)) => signed,
            Ok(None) => return Err(TrustError::Unsigned(what)),
            Err(source) => return Err(TrustError::Apart { what, source }),
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        match self.signers.verify(&signed, now) {
            Ok(_signer) => Ok(()),
            Err(source) => Err(TrustError::Untrusted { what, source }),
        }
    }
}

fn bounded(path: &Path) -> Result<Vec<u8>, TrustError> {
    let unreadable = |source| TrustError::File {
        path: path.to_owned(),
        source,
    };
    let most = u64::try_from(SIGNERS_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // One byte more shows that it is too long.
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn fault(path: &Path) -> impl Fn(SignersError) -> TrustError {
    let path = path.to_owned();
    move |source| TrustError::Signers {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
#[cfg(feature = "verify")]
mod tests;
