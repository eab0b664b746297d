//! What is taken for granted and what is permitted when an address is read.

use std::collections::BTreeSet;

/// A way over which something is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// HTTP over TLS.
    Https,
    /// SSH.
    Ssh,
    /// HTTP without TLS: anyone on the way can read and change it.
    Http,
    /// git's own protocol, without protection as HTTP.
    Git,
    /// A repository on this machine.
    File,
}

impl Transport {
    /// Returns the scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Ssh => "ssh",
            Self::Http => "http",
            Self::Git => "git",
            Self::File => "file",
        }
    }

    /// Returns the port that is asked where none is named.
    pub fn port(self) -> Option<u16> {
        match self {
            Self::Https => Some(443),
            Self::Ssh => Some(22),
            Self::Http => Some(80),
            Self::Git => Some(9418),
            Self::File => None,
        }
    }

    pub(crate) fn is_free(self) -> bool {
        match self {
            Self::Https | Self::Ssh => true,
            Self::Http | Self::Git | Self::File => false,
        }
    }
}

/// What is taken for granted and what is permitted when an address is read.
///
/// By default nothing is: relative paths are refused, and so is every transport but https and ssh.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    base: Option<String>,
    allow: BTreeSet<Transport>,
}

impl Policy {
    /// Sets the absolute directory to which paths are relative; another text than an absolute path is as none.
    #[must_use]
    pub fn relative_to(mut self, directory: &str) -> Self {
        self.base = directory.starts_with('/').then(|| directory.to_owned());
        self
    }

    /// Permits a transport that has to be named before it is used: `http`, `git`, or `file` for repositories.
    #[must_use]
    pub fn allowing(mut self, transport: Transport) -> Self {
        self.allow.insert(transport);
        self
    }

    pub(crate) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    pub(crate) fn permits(&self, transport: Transport) -> bool {
        transport.is_free() || self.allow.contains(&transport)
    }
}
