//! One program on a server of SSH, as a stream of what it says and is told.
//!
//! [`Ssh`] names a server, whom to be there, and the [`KnownHosts`] that say which keys it has; [`Ssh::run`] connects through
//! `k1s-getter-net`, so that the addresses that may be reached and the proxies are those of everything else, makes sure of the
//! server's key, proves who asks by the key of an [`Identity`], and runs one command, as a [`Program`].
//!
//! What this does not do: it asks nobody for a password, talks to no agent and forwards none, opens no terminal, no port and no
//! second channel, reads no configuration of OpenSSH, and adds nothing to a file of known hosts. Times are the caller's to keep,
//! but for connections on which nothing is heard, which end by themselves.
//!
//! Invariants:
//! - Nothing is told to a server before its key is found in the known hosts: one that is not there, is another, or is revoked
//!   ends the connection, and the error says which file has to say what.
//! - SHA-1 is neither offered nor taken, in signatures of servers or our own.
//! - Keys and passphrases are not printed, and are in no error.
//! - What a server says in an error is short and printable.

#![forbid(unsafe_code)]

mod fault;
mod identity;
mod known;
mod login;
mod program;

pub use fault::{SshError, UserError};
pub use identity::{Identity, IdentityError};
pub use known::{KnownHosts, KnownHostsError};
pub use login::Ssh;
pub use program::{Ended, Program};
