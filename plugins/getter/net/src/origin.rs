//! Names of hosts, and origins.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use k1s_getter_address::Site;

/// The longest name of a host, in bytes (RFC 1035).
const NAME_BYTES: usize = 253;

/// How a URL is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Without protection against others on the way.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Returns the text before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port that is asked where none is named.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is no name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing.
    #[error("there is no host")]
    Empty,
    /// It is longer than a name can be.
    #[error("the host is longer than {NAME_BYTES} bytes")]
    TooLong,
    /// It has characters that no name has.
    #[error("the host has characters that it cannot have")]
    Characters,
    /// It is a number that some programs take for an address, and others for a name.
    #[error("the host ends in a number and is not an address: write four numbers from 0 to 255, as in 192.0.2.1")]
    OddAddress,
}

/// The name of a host in lower case, or an address; one of IPv6 in its brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Reads a name.
    ///
    /// What ends in a number has to be an address of four numbers: of `127.1`, `0x7f.1` and `2130706433` some programs make
    /// an address, and others not.
    ///
    /// # Errors
    ///
    /// A name that no host can have.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES {
            return Err(NameError::TooLong);
        }
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = address.parse().map_err(|_| NameError::Characters)?;
            return Ok(Self(format!("[{address}]")));
        }
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if !text.bytes().all(is_part) || text.starts_with(['.', '-']) || text.contains("..") {
            return Err(NameError::Characters);
        }
        let name = text.to_ascii_lowercase();
        let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        if is_number(last) && name.parse::<Ipv4Addr>().is_err() {
            return Err(NameError::OddAddress);
        }
        Ok(Self(name))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        let bare = self.0.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        bare.unwrap_or(&self.0).parse().ok()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_number(label: &str) -> bool {
    let is_decimal = !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = label.strip_prefix("0x");
    is_decimal || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The host.
    pub name: Name,
    /// The port.
    pub port: u16,
}

impl Peer {
    /// Reads a host and takes a port.
    ///
    /// # Errors
    ///
    /// A name that no host can have.
    pub fn new(host: &str, port: u16) -> Result<Self, NameError> {
        Ok(Self {
            name: Name::parse(host)?,
            port,
        })
    }

    /// Returns who serves a place, on its port or its transport's; none where there is no port to ask.
    ///
    /// # Errors
    ///
    /// A name that no host can have.
    pub fn of(site: &Site) -> Result<Option<Self>, NameError> {
        let port = site.port.or_else(|| site.transport.port());
        port.map(|port| Self::new(site.host.as_str(), port)).transpose()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// What may know a secret together: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// How it is asked.
    pub scheme: Scheme,
    /// Who is asked.
    pub peer: Peer,
}

impl Origin {
    /// Returns host and port, the latter only if it is not the scheme's own, as the header `Host` has them.
    pub fn authority(&self) -> String {
        if self.peer.port == self.scheme.port() {
            self.peer.name.to_string()
        } else {
            self.peer.to_string()
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling_and_no_odd_numbers() {
        for (text, expected) in [
            ("Example.COM", Ok("example.com")),
            ("a_b.example", Ok("a_b.example")),
            ("example.com.", Ok("example.com.")),
            ("127.0.0.1", Ok("127.0.0.1")),
            ("[::0:1]", Ok("[::1]")),
            ("[::ffff:127.0.0.1]", Ok("[::ffff:127.0.0.1]")),
            ("1.example", Ok("1.example")),
            ("0x7f.example", Ok("0x7f.example")),
            ("", Err(NameError::Empty)),
            ("127.1", Err(NameError::OddAddress)),
            ("127.0.0.1.", Err(NameError::OddAddress)),
            ("0x7f.1", Err(NameError::OddAddress)),
            ("0x7f000001", Err(NameError::OddAddress)),
            ("0x", Err(NameError::OddAddress)),
            ("2130706433", Err(NameError::OddAddress)),
            ("0177.0.0.1", Err(NameError::OddAddress)),
            ("1.2.3.4.5", Err(NameError::OddAddress)),
            ("256.1.1.1", Err(NameError::OddAddress)),
            ("[::1", Err(NameError::Characters)),
            ("[fe80::1%eth0]", Err(NameError::Characters)),
            ("::1", Err(NameError::Characters)),
            ("a b", Err(NameError::Characters)),
            ("a..b", Err(NameError::Characters)),
            ("-x", Err(NameError::Characters)),
            ("x@y", Err(NameError::Characters)),
            ("bücher.example", Err(NameError::Characters)),
        ] {
            assert_eq!(
                Name::parse(text).map(|name| name.0),
                expected.map(str::to_owned),
                "{text}"
            );
        }
        assert_eq!(Name::parse(&"a".repeat(254)), Err(NameError::TooLong));
    }
}
