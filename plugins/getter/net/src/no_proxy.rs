//! What is asked without a proxy.
//!
//! Read as Go reads `NO_PROXY` (golang.org/x/net/http/httpproxy), which go-getter follows: `*`; a name, which means itself
//! and what is below it; `.name` and `*.name`, which mean what is below it only; an address; a network; each of the names
//! and addresses with `:port`, too. `localhost` and loopback addresses are never asked through a proxy.

use std::net::IpAddr;

use crate::origin::{Name, Peer};
use crate::reach::Network;

/// The most entries that are read; further ones are ignored.
const ENTRIES: usize = 1024;

/// What is asked without a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    Network(Network),
    Address(IpAddr, Option<u16>),
    Name {
        name: String,
        whom: Whom,
        port: Option<u16>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    ItselfAndBelow,
    Below,
}

impl NoProxy {
    /// Reads a list with commas; entries that are none of what is read are ignored, as everyone does.
    pub fn parse(text: &str) -> Self {
        Self(text.split(',').take(ENTRIES).filter_map(entry).collect())
    }

    /// Returns whether a peer is asked without a proxy.
    pub fn covers(&self, peer: &Peer) -> bool {
        let address = peer.name.address();
        let name = peer.name.as_str().trim_end_matches('.');
        let is_this_machine =
            name == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback());
        is_this_machine || self.0.iter().any(|entry| entry.covers(name, address, peer.port))
    }
}

impl Entry {
    fn covers(&self, name: &str, address: Option<IpAddr>, asked: u16) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(address)),
            Self::Address(own, port) => address == Some(*own) && port.is_none_or(|port| port == asked),
            Self::Name { name: own, whom, port } => {
                let before = name.strip_suffix(own.as_str());
                let is_meant = match before {
                    None => false,
                    Some("") => *whom == Whom::ItselfAndBelow,
                    Some(before) => before.ends_with('.'),
                };
                is_meant && port.is_none_or(|port| port == asked)
            }
        }
    }
}

fn entry(text: &str) -> Option<Entry> {
    let text = text.trim().to_ascii_lowercase();
    if text == "*" {
        return Some(Entry::All);
    }
    if text.contains('/') {
        return text.parse().ok().map(Entry::Network);
    }
    if let Ok(address) = text.parse() {
        return Some(Entry::Address(address, None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) if !digits.ends_with(']') => (host, Some(crate::url::port_of(digits).ok()?)),
        Some(_) | None => (text.as_str(), None),
    };
    let bare = host.strip_prefix('*').unwrap_or(host);
    let (name, whom) = match bare.strip_prefix('.') {
        Some(below) => (below, Whom::Below),
        None if bare.len() < host.len() => return None,
        None => (host, Whom::ItselfAndBelow),
    };
    let name = Name::parse(name).ok()?;
    Some(match name.address() {
        Some(address) => Entry::Address(address, port),
        None => Entry::Name {
            name: name.as_str().trim_end_matches('.').to_owned(),
            whom,
            port,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(list: &str, host: &str, port: u16) -> bool {
        NoProxy::parse(list).covers(&Peer::new(host, port).expect("a peer"))
    }

    #[test]
    fn entries_mean_what_they_mean_in_go() {
        for (list, host, port, expected) in [
            ("", "example.com", 443, false),
            ("", "localhost", 443, true),
            ("", "127.0.0.1", 443, true),
            ("", "[::1]", 443, true),
            ("", "[::ffff:127.0.0.1]", 443, true),
            ("*", "example.com", 443, true),
            ("example.com", "example.com", 443, true),
            ("Example.COM", "example.com", 443, true),
            ("example.com", "a.example.com", 443, true),
            ("example.com", "badexample.com", 443, false),
            ("example.com", "example.com.", 443, true),
            (".example.com", "example.com", 443, false),
            (".example.com", "a.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*example.com", "badexample.com", 443, false),
            ("a, example.com:8443 ,b", "example.com", 8443, true),
            ("example.com:8443", "example.com", 443, false),
            ("10.1.2.3", "10.1.2.3", 80, true),
            ("10.1.2.3:81", "10.1.2.3", 80, false),
            ("10.0.0.0/8", "10.9.9.9", 80, true),
            ("10.0.0.0/8", "11.9.9.9", 80, false),
            ("fd00::/8", "[fd00::1]", 80, true),
            ("fd00::1", "[fd00::1]", 80, true),
            ("[fd00::1]:80", "[fd00::1]", 80, true),
            ("[fd00::1]:81", "[fd00::1]", 80, false),
            ("[fd00::1]", "[fd00::1]", 80, true),
            ("10.0.0.0/x,example.com:x,:80,,", "example.com", 80, false),
        ] {
            assert_eq!(covers(list, host, port), expected, "{list:?} {host}:{port}");
        }
    }

    proptest! {
        #[test]
        fn a_name_below_is_covered_and_one_beside_is_not(name in "[a-z]{1,5}\\.[a-z]{2,3}", more in "[a-z]{1,4}") {
            let below = format!("{more}.{name}");
            let beside = format!("{more}{name}");
            prop_assert!(covers(&name, &below, 1));
            prop_assert!(!covers(&name, &beside, 1));
        }

        #[test]
        fn any_list_is_read(list in "[a-z0-9.:*/\\[\\], -]{0,60}") {
            let no_proxy = NoProxy::parse(&list);
            prop_assert!(no_proxy.0.len() <= list.len());
        }
    }
}
