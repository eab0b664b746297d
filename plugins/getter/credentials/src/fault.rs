//! Why credentials cannot be had.

use std::time::Duration;

use k1s_getter_net::{Class, Fault as NetFault, KeyError, NetError, UrlError};

#[cfg(feature = "aws")]
use crate::aws::ProfileError;
use crate::step::Step;

/// Credentials cannot be had. Tells nothing of any of them, nor of what was answered.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {fault}; {}", step.way_out())]
pub struct CredentialError {
    /// The step that failed.
    pub step: Step,
    /// Why.
    pub fault: Fault,
}

/// Why a step fails.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A service does not answer, or not as it should.
    #[error(transparent)]
    Net(NetError),
    /// A variable has to be set, besides another.
    #[error("{0} is not set, and what goes with it is")]
    Unset(&'static str),
    /// A variable names no place that can be asked.
    #[error("{name}: {source}")]
    Variable {
        /// Which.
        name: &'static str,
        /// Why not.
        source: UrlError,
    },
    /// A place that would be asked is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A file, or a variable, cannot be read.
    #[error("{what}: {source}")]
    File {
        /// What it holds.
        what: &'static str,
        /// Why not.
        source: KeyError,
    },
    /// A file holds something else.
    #[error("{what} lacks {lacks}")]
    Content {
        /// What it holds.
        what: &'static str,
        /// What is not in it.
        lacks: &'static str,
    },
    /// It would be come by in a way that is not taken.
    #[error("it is come by in a way that is not supported in this version ({0})")]
    Unsupported(&'static str),
    /// Something cannot be part of what is asked.
    #[error("{0} has characters that it cannot have")]
    Characters(&'static str),
    /// An answer lacks something.
    #[error("the answer lacks {0}")]
    Answer(&'static str),
    /// A private key is none that signs.
    #[error("the private key is no key of RSA in PEM with 2048 to 8192 bits")]
    Key,
    /// The clock is outside of all time.
    #[error("this machine's clock is wrong")]
    Clock,
    /// A profile gives no key.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Nothing more is tried.
    #[error("it is switched off by {0}, and nothing else is set up")]
    Off(&'static str),
    /// The work on it was broken off.
    #[error("the work on it was broken off")]
    Broken,
}

impl CredentialError {
    /// Returns what may be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match &self.fault {
            Fault::Net(error) => class(error),
            Fault::Broken => Class::Broken,
            Fault::Unset(_)
            | Fault::Variable { .. }
            | Fault::Url(_)
            | Fault::File { .. }
            | Fault::Content { .. }
            | Fault::Unsupported(_)
            | Fault::Characters(_)
            | Fault::Answer(_)
            | Fault::Key
            | Fault::Clock
            | Fault::Off(_) => Class::Auth,
            #[cfg(feature = "aws")]
            Fault::Profile(_) => Class::Auth,
        }
    }

    /// Returns how long to wait before it is asked again, if a service says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.fault {
            Fault::Net(error) => error.retry_after(),
            Fault::Unset(_)
            | Fault::Variable { .. }
            | Fault::Url(_)
            | Fault::File { .. }
            | Fault::Content { .. }
            | Fault::Unsupported(_)
            | Fault::Characters(_)
            | Fault::Answer(_)
            | Fault::Key
            | Fault::Clock
            | Fault::Off(_)
            | Fault::Broken => None,
            #[cfg(feature = "aws")]
            Fault::Profile(_) => None,
        }
    }
}

/// Says of a failure of a service of tokens what it means: one that does not give any says with many statuses that it will not.
fn class(error: &NetError) -> Class {
    if let NetFault::Status { status, .. } = &error.fault
        && matches!(status.as_u16(), 400..=404)
    {
        return Class::Auth;
    }
    error.class()
}

impl Step {
    /// Says that this step failed.
    pub(crate) fn fails<F: Into<Fault>>(self) -> impl Fn(F) -> CredentialError {
        move |fault| CredentialError {
            step: self,
            fault: fault.into(),
        }
    }
}
