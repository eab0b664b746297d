//! TLS on a loopback port, the authority behind it, the token, and the kubeconfig that names all of them.
//!
//! What lasts from one run to the next is an [`Identity`]: a private directory that the caller gives.
//!
//! | file | holds |
//! |---|---|
//! | `ca.crt`, `ca.key` | the authority, made on the first run for ten years: EC P-256, for loopback names only |
//! | `token.sha256` | the SHA-256 of the token in hexadecimal; the token itself is in the kubeconfig and nowhere else |
//! | `address` | where the server listens, so that it listens there again |
//!
//! The server's own certificate is never on disk: [`Tls`] makes one at the start and another when a handshake finds
//! that fewer than 30 days of its 90 are left. The [`Kubeconfig`] beside that directory is what clients are given:
//! kubectl, and the command line through [`client`], which reads it back as an [`Endpoint`].
//!
//! It does not know what it serves (any tower service over HTTP will do), who holds the token, or any address but
//! those of the loopback interface.
//!
//! # Invariants
//! - A file is replaced whole or not at all, and readable by its owner only from its first byte on.
//! - What is damaged or does not fit together is an error that names the file and the way out; it is never replaced
//!   unasked.
//! - A token that was rotated away is refused from the next request on, whichever process rotated it.
//! - Connections and the streams on them are tasks that [`serve`] owns; none outlives it.

mod accept;
mod authority;
pub mod client;
mod connection;
mod endpoint;
mod identity;
mod kubeconfig;
mod listener;
mod loopback;
mod pem;
mod private_file;
mod tls;
mod token;

pub use accept::{CLOSING_GRACE, MAX_CONNECTIONS, serve};
pub use authority::{Authority, AuthorityError, Validity};
pub use connection::{
    HANDSHAKE_TIMEOUT, HEADER_READ_TIMEOUT, MAX_CONCURRENT_STREAMS, MAX_HEADER_BYTES, PING_INTERVAL, PING_TIMEOUT,
};
pub use endpoint::{Endpoint, EndpointError};
pub use identity::{Identity, IdentityError};
pub use kubeconfig::{Ensured, Kubeconfig, KubeconfigError};
pub use listener::{Bound, ListenError, Listener, PortChanged, Wish};
pub use loopback::{Loopback, NotLoopback};
pub use private_file::FileError;
pub use tls::{Tls, TlsError};
pub use token::{Token, TokenError, TokenGate};
