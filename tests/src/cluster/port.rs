//! A port that stays ours while nobody listens.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use anyhow::Context as _;
use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};

/// A port of this machine, chosen by the system.
///
/// A socket is bound to it that does not listen, and lets others of the same user bind to it who ask to share it. So the system
/// gives it to nobody else, and who connects while no server runs is refused.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    _bound: OwnedFd,
}

impl Port {
    pub(super) fn new() -> anyhow::Result<Self> {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_reuseport(&socket, true)?;
        bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = SocketAddr::try_from(getsockname(&socket)?).context("an address of the internet")?;
        Ok(Self {
            address,
            _bound: socket,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
