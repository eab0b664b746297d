//! Which addresses may be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::zone::{Zone, carried, zone};

/// A text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not an address, or an address and a length of its prefix as in 10.0.0.0/8, with zeros behind the prefix"
)]
pub struct NetworkError;

/// A network: the addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    base: IpAddr,
    length: u8,
}

impl Network {
    /// Returns whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => mask_v4(address, self.length) == base,
            (IpAddr::V6(base), IpAddr::V6(address)) => mask_v6(address, self.length) == base,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| NetworkError)?
            }
            Some(_) => return Err(NetworkError),
        };
        let network = Self { base, length };
        if length <= most && network.contains(base) {
            Ok(network)
        } else {
            Err(NetworkError)
        }
    }
}

fn mask_v4(address: Ipv4Addr, length: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn mask_v6(address: Ipv6Addr, length: u8) -> Ipv6Addr {
    let mask = u128::MAX
        .checked_shl(128_u32.saturating_sub(length.into()))
        .unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It is not of the public Internet.
    #[error("{0}, which a source that is not trusted may not reach unless its network is allowed")]
    Zone(Zone),
    /// It is that of a metadata service, which gives credentials to whoever asks.
    #[error(
        "{}, which no address may lead to; it is asked for credentials only where the configuration says so",
        Zone::Metadata
    )]
    Metadata,
    /// It is not of this machine alone.
    #[error("an address beyond this machine, and without TLS")]
    Beyond,
    /// Its network is denied.
    #[error("an address of the denied network {0}/{1}")]
    Network(IpAddr, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    Public,
    /// But for metadata services.
    Anything,
    Machine,
}

/// Which addresses may be dialled.
///
/// An address of IPv6 that carries one of IPv4 is judged as both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    default: Ground,
    allowed: Vec<Network>,
    denied: Vec<Network>,
    names: Names,
}

/// Who finds the addresses of names where a proxy could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// This machine, so that they can be judged.
    Ours,
    /// The proxy, whose rules are then the only ones.
    Proxys,
}

impl Reach {
    /// Permits the public Internet, for sources that are not trusted.
    pub fn untrusted() -> Self {
        Self {
            default: Ground::Public,
            allowed: Vec::new(),
            denied: Vec::new(),
            names: Names::Ours,
        }
    }

    /// Permits everything but metadata services of clouds, for sources that are.
    pub fn trusted() -> Self {
        Self {
            default: Ground::Anything,
            ..Self::untrusted()
        }
    }

    /// Permits what answers this machine alone: loopback, the network cable, and metadata services of clouds.
    ///
    /// It is for whoever asks those for credentials, and for no address of a source.
    pub fn machine() -> Self {
        Self {
            default: Ground::Machine,
            ..Self::untrusted()
        }
    }

    /// Permits a network besides.
    #[must_use]
    pub fn allowing(mut self, network: Network) -> Self {
        self.allowed.push(network);
        self
    }

    /// Denies a network, even where it is permitted otherwise.
    #[must_use]
    pub fn denying(mut self, network: Network) -> Self {
        self.denied.push(network);
        self
    }

    /// Leaves it to proxies to find the addresses of names, and thereby to judge them.
    ///
    /// Without it a proxy is handed an address that was judged here, except where everything is permitted anyway.
    #[must_use]
    pub fn leaving_names_to_proxies(mut self) -> Self {
        self.names = Names::Proxys;
        self
    }

    /// Returns who finds the addresses of names behind a proxy that would.
    pub(crate) fn names(&self) -> Names {
        if self.default == Ground::Anything && self.denied.is_empty() {
            Names::Proxys
        } else {
            self.names
        }
    }

    /// Judges an address that is to be dialled.
    pub(crate) fn judge(&self, address: IpAddr) -> Result<(), Denial> {
        let forms = [Some(address), inner(address)];
        let is_in = |network: &&Network| forms.iter().flatten().any(|form| network.contains(*form));
        if let Some(network) = self.denied.iter().find(is_in) {
            return Err(Denial::Network(network.base, network.length));
        }
        let is_allowed = self.allowed.iter().any(|network| is_in(&network));
        match (self.default, zone(address)) {
            (Ground::Public, None) => Ok(()),
            _ if is_allowed => Ok(()),
            (Ground::Public, Some(zone)) => Err(Denial::Zone(zone)),
            (Ground::Anything, Some(Zone::Metadata)) => Err(Denial::Metadata),
            (Ground::Anything, _) => Ok(()),
            (Ground::Machine, Some(Zone::Loopback | Zone::LinkLocal | Zone::Metadata)) => Ok(()),
            (Ground::Machine, _) => Err(Denial::Beyond),
        }
    }

    /// Judges the address of a proxy: it is the word of whoever configures, so that only what is denied by name is.
    pub(crate) fn judge_proxy(&self, address: IpAddr) -> Result<(), Denial> {
        let denied = Self {
            denied: self.denied.clone(),
            ..Self::trusted()
        };
        denied.judge(address)
    }
}

impl Default for Reach {
    /// Returns [`Reach::untrusted`].
    fn default() -> Self {
        Self::untrusted()
    }
}

fn inner(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => carried(address).map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_strictly() -> Result<(), NetworkError> {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "0.0.0.0"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1", "::1", "::2"),
        ] {
            let network: Network = text.parse()?;
            let contains = |address: &str| address.parse().is_ok_and(|address| network.contains(address));
            assert!(contains(inside) && !contains(outside), "{text}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10/8",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "x",
            "::1/999",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
        Ok(())
    }

    #[test]
    fn what_is_denied_wins_and_carried_addresses_count() -> Result<(), Box<dyn std::error::Error>> {
        let loopback: Network = "127.0.0.0/8".parse()?;
        let private: Network = "10.0.0.0/8".parse()?;
        let one: Network = "10.0.0.1".parse()?;
        let untrusted = Reach::untrusted();
        let trusted = Reach::trusted();
        let machine = Reach::machine();
        let named = Reach::trusted().denying(loopback);
        let opened = Reach::untrusted().allowing(private).denying(one);
        for (reach, address, is_permitted) in [
            (&untrusted, "93.184.216.34", true),
            (&untrusted, "127.0.0.1", false),
            (&untrusted, "::ffff:10.0.0.1", false),
            (&trusted, "169.254.1.1", true),
            (&trusted, "169.254.169.254", false),
            (&trusted, "::ffff:169.254.169.254", false),
            (&trusted, "169.254.170.23", false),
            (&machine, "169.254.169.254", true),
            (&machine, "127.0.0.1", true),
            (&machine, "fe80::1", true),
            (&machine, "10.0.0.1", false),
            (&machine, "93.184.216.34", false),
            (&named, "127.0.0.1", false),
            (&named, "::ffff:127.0.0.1", false),
            (&named, "2002:7f00:1::", false),
            (&named, "10.0.0.1", true),
            (&opened, "10.0.0.2", true),
            (&opened, "::ffff:10.0.0.2", true),
            (&opened, "10.0.0.1", false),
            (&opened, "64:ff9b::10.0.0.1", false),
            (&opened, "192.168.0.1", false),
        ] {
            assert_eq!(
                reach.judge(address.parse()?).is_ok(),
                is_permitted,
                "{address} {reach:?}"
            );
        }
        assert!(untrusted.judge_proxy("127.0.0.1".parse()?).is_ok());
        assert!(named.judge_proxy("127.0.0.1".parse()?).is_err());
        Ok(())
    }

    #[test]
    fn names_are_left_to_proxies_only_where_nothing_is_judged_or_it_is_said() -> Result<(), NetworkError> {
        let denying = Reach::trusted().denying("10.0.0.0/8".parse()?);
        for (reach, expected) in [
            (Reach::trusted(), Names::Proxys),
            (Reach::untrusted(), Names::Ours),
            (Reach::machine(), Names::Ours),
            (denying.clone(), Names::Ours),
            (denying.leaving_names_to_proxies(), Names::Proxys),
        ] {
            assert_eq!(reach.names(), expected, "{reach:?}");
        }
        Ok(())
    }
}
