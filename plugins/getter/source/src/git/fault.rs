//! Why a repository does not give what is wanted of it.

use k1s_getter_git::{
    GitError, HttpError, Limit, LocalError, ObjectError, PackFault, RevisionError, TransportError, TreeError,
    Unsupported, WireError,
};
use k1s_getter_net::NetError;
#[cfg(feature = "ssh")]
use k1s_getter_ssh::SshError;
use k1s_source::Code;

use super::SubmoduleError;
use crate::origin::{OriginError, code_of_net};
use crate::verify::TrustError;

/// A repository does not give what is wanted of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitFault {
    /// It cannot be had.
    #[error(transparent)]
    Git(#[from] GitError),
    /// It is on this machine and cannot be read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// It is not signed as it must be.
    #[error(transparent)]
    Trust(TrustError),
    /// It has no such revision.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// A submodule of it cannot be had.
    #[error(transparent)]
    Submodule(Box<SubmoduleError>),
    /// The address cannot be asked over what it names.
    #[error("{0} is not supported in this version")]
    Transport(&'static str),
    /// The key for SSH cannot be used.
    #[cfg(feature = "ssh")]
    #[error(transparent)]
    Identity(#[from] k1s_getter_ssh::IdentityError),
    /// Nobody can be asked for over SSH.
    #[cfg(feature = "ssh")]
    #[error(transparent)]
    User(#[from] k1s_getter_ssh::UserError),
    /// The host is none that can be asked.
    #[error("its host or path cannot be asked")]
    Place,
}

impl GitFault {
    /// Returns the class.
    #[must_use]
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Git(error) => code_of_git(error),
            Self::Local(LocalError::Absent { .. }) => Code::RootNotFound,
            Self::Local(
                LocalError::Elsewhere(_) | LocalError::Alternates(_) | LocalError::Included(_) | LocalError::Indexed(_),
            ) => Code::Unsupported,
            Self::Local(LocalError::Open(_) | LocalError::Unreadable { .. }) => Code::Permission,
            Self::Local(LocalError::References(_)) => Code::Unavailable,
            Self::Local(LocalError::Limit(_)) => Code::TooLarge,
            Self::Revision(RevisionError::Syntax | RevisionError::Ambiguous(_) | RevisionError::Short(_)) => {
                Code::ConfigInvalid
            }
            Self::Revision(RevisionError::Unborn | RevisionError::Missing(_) | RevisionError::NoVersion { .. }) => {
                Code::RootNotFound
            }
            Self::Trust(_) => Code::DataInvalid,
            Self::Submodule(error) => error.code(),
            Self::Transport(_) => Code::Unsupported,
            #[cfg(feature = "ssh")]
            Self::Identity(_) | Self::User(_) => Code::ConfigInvalid,
            Self::Place => Code::ConfigInvalid,
        }
    }

    /// Returns why the network failed, if it did.
    #[must_use]
    pub(crate) fn net(&self) -> Option<&NetError> {
        match self {
            Self::Git(GitError::Transport(error)) => net_of(error),
            Self::Submodule(error) => match error.origin() {
                Some(OriginError::Git(fault)) => fault.net(),
                Some(_) | None => None,
            },
            #[cfg(feature = "ssh")]
            Self::Identity(_) | Self::User(_) => None,
            Self::Git(_) | Self::Local(_) | Self::Revision(_) | Self::Trust(_) | Self::Transport(_) | Self::Place => {
                None
            }
        }
    }
}

fn net_of(error: &TransportError) -> Option<&NetError> {
    let error = error.get();
    #[cfg(feature = "ssh")]
    if let Some(SshError::Net(error)) = error.downcast_ref() {
        return Some(error);
    }
    match error.downcast_ref::<HttpError>() {
        Some(HttpError::Net(error)) => Some(error),
        Some(HttpError::Url(_) | HttpError::Type(_) | HttpError::Wandering) => None,
        None => error.downcast_ref(),
    }
}

fn code_of_git(error: &GitError) -> Code {
    match error {
        GitError::Transport(error) => match (net_of(error), error.get().downcast_ref()) {
            (Some(error), _) => code_of_net(error.class()),
            (None, Some(HttpError::Type(_) | HttpError::Wandering)) => Code::Unsupported,
            #[cfg(feature = "ssh")]
            (None, None) if let Some(error) = error.get().downcast_ref() => code_of_ssh(error),
            (None, _) => Code::Unavailable,
        },
        GitError::Limit(limit) | GitError::Wire(WireError::Limit(limit)) => code_of_limit(*limit),
        GitError::Pack(PackFault::Limit(limit)) => code_of_limit(*limit),
        GitError::Tree(TreeError::Limit(limit)) => code_of_limit(*limit),
        GitError::Object(ObjectError::Spent(_)) | GitError::Tree(TreeError::Object(ObjectError::Spent(_))) => {
            Code::TooLarge
        }
        GitError::Unsupported(Unsupported::Version | Unsupported::Format) => Code::Unsupported,
        GitError::NotServed(_) => Code::RootNotFound,
        GitError::Pack(_) | GitError::Misled(_) | GitError::Object(_) | GitError::Tree(_) => Code::DataInvalid,
        GitError::Wire(_) | GitError::Spool(_) | GitError::Cache(_) => Code::Unavailable,
        GitError::Ending => Code::Internal,
    }
}

#[cfg(feature = "ssh")]
fn code_of_ssh(error: &SshError) -> Code {
    match error {
        SshError::Net(error) => code_of_net(error.class()),
        SshError::Host(_) | SshError::NoKey(_) | SshError::Refused { .. } => Code::Permission,
        SshError::Strangers { .. } | SshError::OldSignature => Code::Unsupported,
        SshError::NotRun | SshError::Protocol(_) => Code::Unavailable,
    }
}

pub(super) fn code_of_limit(limit: Limit) -> Code {
    match limit {
        Limit::Idle(_) | Limit::Total(_) => Code::Timeout,
        Limit::ReplyBytes(_)
        | Limit::References(_)
        | Limit::PackBytes(_)
        | Limit::Objects(_)
        | Limit::ObjectBytes(_)
        | Limit::TotalBytes(_)
        | Limit::DeltaDepth(_)
        | Limit::HeldBytes(_)
        | Limit::Entries(_)
        | Limit::PathDepth(_)
        | Limit::PathBytes(_)
        | Limit::ListBytes(_) => Code::TooLarge,
    }
}
