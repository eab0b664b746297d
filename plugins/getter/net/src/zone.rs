//! What kind of place an address leads to, by the registries of special addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What addresses that do not lead to the public Internet lead to.
///
/// The numbers are those of IANA's registries of special-purpose addresses for IPv4 and IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Zone {
    /// Answers with what a cloud tells its machines, credentials among it.
    #[error("the address of a cloud's metadata service")]
    Metadata,
    /// The machine itself.
    #[error("a loopback address")]
    Loopback,
    /// The network cable.
    #[error("a link-local address")]
    LinkLocal,
    /// A network of one's own (RFC 1918, RFC 4193).
    #[error("an address of a private network")]
    Private,
    /// What a provider shares among customers (RFC 6598).
    #[error("an address that a provider shares among its customers")]
    Shared,
    /// No host, or any host.
    #[error("an address that means no host in particular")]
    Unspecified,
    /// Many hosts.
    #[error("an address of many hosts")]
    Multicast,
    /// Set apart for protocols, tests, examples or later.
    #[error("an address that is set apart")]
    Reserved,
}

/// Metadata services at addresses of their own (EC2, GCE, Azure and most others; ECS; EKS; Tencent, twice; Scaleway; Azure's wire
/// server; Alibaba; Oracle).
const METADATA_V4: [Ipv4Addr; 9] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(169, 254, 10, 10),
    Ipv4Addr::new(169, 254, 42, 42),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// The same for IPv6 (EC2, EKS, GCE, Scaleway, Oracle, OpenStack).
const METADATA_V6: [Ipv6Addr; 6] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// Returns where an address leads, and none for the public Internet.
///
/// An address of IPv6 that carries one of IPv4 leads where that leads.
pub(crate) fn zone(address: IpAddr) -> Option<Zone> {
    match address {
        IpAddr::V4(address) => zone_v4(address),
        IpAddr::V6(address) => zone_v6(address),
    }
}

fn zone_v4(address: Ipv4Addr) -> Option<Zone> {
    if METADATA_V4.contains(&address) {
        return Some(Zone::Metadata);
    }
    match address.octets() {
        [0, ..] => Some(Zone::Unspecified),
        [127, ..] => Some(Zone::Loopback),
        [169, 254, ..] => Some(Zone::LinkLocal),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(Zone::Private),
        [100, 64..=127, ..] => Some(Zone::Shared),
        [224..=239, ..] => Some(Zone::Multicast),
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Some(Zone::Reserved)
        }
        [240..=255, ..] => Some(Zone::Reserved),
        _ => None,
    }
}

fn zone_v6(address: Ipv6Addr) -> Option<Zone> {
    if METADATA_V6.contains(&address) {
        return Some(Zone::Metadata);
    }
    if address.is_unspecified() {
        return Some(Zone::Unspecified);
    }
    if address.is_loopback() {
        return Some(Zone::Loopback);
    }
    if let Some(carried) = carried(address) {
        return zone_v4(carried);
    }
    match address.segments() {
        [0xfe80..=0xfebf, ..] => Some(Zone::LinkLocal),
        // What was site-local means a private network still, to those who use it.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(Zone::Private),
        [0xff00..=0xffff, ..] => Some(Zone::Multicast),
        // Protocols (Teredo among them, which hides two addresses of IPv4), and the two for examples.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(Zone::Reserved),
        [0x2000..=0x3fff, ..] => None,
        // Nothing else was ever given to anyone.
        _ => Some(Zone::Reserved),
    }
}

/// Returns the address of IPv4 that one of IPv6 carries: mapped, compatible, NAT64 of RFC 6052, 6to4.
pub(crate) fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        // What SIIT translates (RFC 2765).
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_address_that_is_carried_leads_where_it_leads_by_itself(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for carrier in [
                address.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(zone(carrier.into()), zone(address.into()), "{} {}", carrier, address);
            }
        }
    }

    #[test]
    fn addresses_lead_where_the_registries_say() -> Result<(), std::net::AddrParseError> {
        use Zone::{LinkLocal, Loopback, Multicast, Private, Reserved, Shared, Unspecified};
        for (address, expected) in [
            ("93.184.216.34", None),
            ("9.255.255.255", None),
            ("10.0.0.0", Some(Private)),
            ("11.0.0.0", None),
            ("172.15.255.255", None),
            ("172.16.0.0", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("172.32.0.0", None),
            ("192.168.1.1", Some(Private)),
            ("192.169.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.1", Some(Shared)),
            ("100.127.255.255", Some(Shared)),
            ("100.128.0.0", None),
            ("127.0.0.1", Some(Loopback)),
            ("127.255.255.254", Some(Loopback)),
            ("0.0.0.0", Some(Unspecified)),
            ("0.1.2.3", Some(Unspecified)),
            ("169.254.1.1", Some(LinkLocal)),
            ("192.0.0.1", Some(Reserved)),
            ("192.0.2.1", Some(Reserved)),
            ("192.0.1.1", None),
            ("198.18.0.1", Some(Reserved)),
            ("198.20.0.1", None),
            ("198.51.100.7", Some(Reserved)),
            ("203.0.113.7", Some(Reserved)),
            ("224.0.0.1", Some(Multicast)),
            ("240.0.0.1", Some(Reserved)),
            ("255.255.255.255", Some(Reserved)),
            ("::", Some(Unspecified)),
            ("::1", Some(Loopback)),
            ("::2", Some(Unspecified)),
            ("::127.0.0.1", Some(Loopback)),
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("::ffff:93.184.216.34", None),
            ("::ffff:0:10.0.0.1", Some(Private)),
            ("64:ff9b::10.0.0.1", Some(Private)),
            ("64:ff9b::93.184.216.34", None),
            ("64:ff9b:1::93.184.216.34", Some(Reserved)),
            ("2002:7f00:1::", Some(Loopback)),
            ("2002:c0a8:101::1", Some(Private)),
            ("2002:5db8:d822::1", None),
            ("2001::1", Some(Reserved)),
            ("2001:db8::1", Some(Reserved)),
            ("3fff::1", Some(Reserved)),
            ("2001:200::1", None),
            ("2606:2800:220:1::1", None),
            ("fe80::1", Some(LinkLocal)),
            ("fec0::1", Some(Private)),
            ("fc00::1", Some(Private)),
            ("fd12::1", Some(Private)),
            ("ff02::1", Some(Multicast)),
            ("100::1", Some(Reserved)),
            ("5f00::1", Some(Reserved)),
            ("4000::1", Some(Reserved)),
        ] {
            assert_eq!(zone(address.parse()?), expected, "{address}");
        }
        Ok(())
    }
    #[test]
    fn metadata_services_are_told_from_what_is_beside_them() -> Result<(), std::net::AddrParseError> {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.0.23",
            "169.254.42.42",
            "fd00:42::42",
            "fd00:c1::a9fe:a9fe",
            "fe80::a9fe:a9fe",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
        ] {
            assert_eq!(zone(address.parse()?), Some(Zone::Metadata), "{address}");
        }
        Ok(())
    }
}
