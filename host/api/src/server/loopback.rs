//! Addresses that only this machine reaches.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// `127.0.0.1` or `::1` with a port: what the server's certificate vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

/// Why an address is not listened on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotLoopback {
    /// It is no address.
    #[error("{text:?} is not an address with a port, such as 127.0.0.1:6443: {source}")]
    Syntax {
        /// What it is instead.
        text: String,
        /// What is wrong with it.
        #[source]
        source: AddrParseError,
    },
    /// It is another interface's.
    #[error("{0} is not 127.0.0.1 or ::1: the API is served to this machine only")]
    Elsewhere(IpAddr),
}

impl Loopback {
    /// `127.0.0.1` with a port that the system chooses.
    pub(super) const ANY_PORT: Self = Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

    /// The address as the system takes it.
    #[must_use]
    pub fn socket(self) -> SocketAddr {
        self.0
    }

    /// The same interface with a port that the system chooses.
    pub(super) fn with_any_port(self) -> Self {
        Self(SocketAddr::new(self.0.ip(), 0))
    }
}

impl TryFrom<SocketAddr> for Loopback {
    type Error = NotLoopback;

    fn try_from(address: SocketAddr) -> Result<Self, NotLoopback> {
        let ip = address.ip();
        if ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST {
            Ok(Self(SocketAddr::new(ip, address.port())))
        } else {
            Err(NotLoopback::Elsewhere(ip))
        }
    }
}

impl FromStr for Loopback {
    type Err = NotLoopback;

    fn from_str(text: &str) -> Result<Self, NotLoopback> {
        let address: SocketAddr = text.parse().map_err(|source| NotLoopback::Syntax {
            text: text.to_owned(),
            source,
        })?;
        Self::try_from(address)
    }
}

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_addresses_of_the_certificate_are_taken() {
        for good in ["127.0.0.1:0", "127.0.0.1:65535", "[::1]:6443"] {
            assert_eq!(good.parse::<Loopback>().unwrap().to_string(), good);
        }
        for elsewhere in [
            "0.0.0.0:1",
            "127.0.0.2:1",
            "10.0.0.1:1",
            "[::]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            let refused = elsewhere.parse::<Loopback>();
            assert!(
                matches!(refused, Err(NotLoopback::Elsewhere(_))),
                "{elsewhere}: {refused:?}"
            );
        }
        for nonsense in [
            "",
            "6443",
            "localhost:1",
            "127.0.0.1",
            "127.0.0.1:65536",
            "127.0.0.1:1\n",
        ] {
            let refused = nonsense.parse::<Loopback>();
            assert!(
                matches!(refused, Err(NotLoopback::Syntax { .. })),
                "{nonsense}: {refused:?}"
            );
        }
    }
}
