//! Proves that the process behind a socket is the child that was started, or one of its group.

use rustix::process::{Pid, geteuid, getpgid};
use tokio::net::UnixStream;

use crate::child::Child;

/// The contract's code for a connection that is refused because of who listens.
pub const PEER_MISMATCH: &str = "PEER_MISMATCH";

const GROUP_RULE: &str = "a plugin must listen itself or in a process of its group: launchers that leave the group by \
                          setsid, and containers, are not supported";

/// Says why the listener is not trusted; each is the contract's [`PEER_MISMATCH`], and the child should be killed.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The listener runs as another user.
    #[error("{PEER_MISMATCH}: the socket belongs to user {found}, not to user {expected} as whom the host runs")]
    OtherUser {
        /// The user of the listener.
        found: u32,
        /// The user of the host.
        expected: u32,
    },
    /// The listener is not in the child's process group.
    #[error(
        "{PEER_MISMATCH}: process {pid}, which listens on the socket, is not in the group of plugin process {group}; {GROUP_RULE}"
    )]
    OtherGroup {
        /// The process that listens.
        pid: i32,
        /// The child, whose number is that of its group.
        group: u32,
    },
    /// The listener cannot be seen from here, or has ended.
    #[error("{PEER_MISMATCH}: the process that listens on the socket cannot be seen; {GROUP_RULE}")]
    Unseen,
    /// The child has ended and was reaped, so its number means nothing any more.
    #[error("{PEER_MISMATCH}: the plugin process has ended")]
    ChildEnded,
    /// The system does not tell who listens.
    #[error("{PEER_MISMATCH}: the system does not tell who listens on the socket")]
    Unknown(#[source] std::io::Error),
}

/// Checks that whoever listens at the other end of `stream` runs as our user and in the group of `child`.
pub fn verify_peer(stream: &UnixStream, child: &Child) -> Result<(), PeerError> {
    let peer = stream.peer_cred().map_err(PeerError::Unknown)?;
    check_user(peer.uid(), geteuid().as_raw())?;
    let leader = child.unreaped_pid().ok_or(PeerError::ChildEnded)?;
    let pid = peer.pid().and_then(Pid::from_raw).ok_or(PeerError::Unseen)?;
    match getpgid(Some(pid)) {
        Ok(group) if group == leader => Ok(()),
        Ok(_) => Err(PeerError::OtherGroup {
            pid: pid.as_raw_nonzero().get(),
            group: child.pid(),
        }),
        Err(_) => Err(PeerError::Unseen),
    }
}

fn check_user(found: u32, expected: u32) -> Result<(), PeerError> {
    if found == expected {
        Ok(())
    } else {
        Err(PeerError::OtherUser { found, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_user_is_refused_be_it_root() {
        assert!(check_user(1000, 1000).is_ok());
        for found in [0, 1001] {
            let error = check_user(found, 1000).unwrap_err();
            assert!(error.to_string().starts_with(PEER_MISMATCH), "{error}");
        }
    }
}
