//! Git repositories as sources of trees.
//!
//! A [`Remote`] is asked over a [`Transport`] what its references name ([`Remote::resolve`], which is the poll), then for a
//! commit and its trees ([`Remote::fetch`]), then for the files somebody wants ([`Remote::fetch_blobs`]). Objects are kept in a
//! [`Cache`] and read as [`Objects`]: commits, tags, trees, and bytes by id. Nothing is written but that cache, nothing is
//! checked out, no program is run, and of the machine's git configuration a remote repository sees nothing.
//!
//! A repository on this machine is [`Local`], which gives the same answers where it is.
//!
//! The wire is protocol version 2, spoken here: two commands, with everything counted while it is read. Libraries that speak it
//! read a whole list of references or a whole pack before anyone can object, and bring their own network, credentials and
//! programs; here what goes over a network goes through `k1s-getter-net`: [`SmartHttp`], [`Daemon`] over a
//! [`Dialled`] peer, and [`Upload`] over whatever runs a program, as SSH does.
//! Objects, packs and their indexes are libgit2's, which gets no byte of a pack before `meter` has passed it, and no delta: `whole`
//! has applied them. So SHA-1 is computed with detection of collisions, of every object, when it comes and when it is read. Of servers that know no version 2, all
//! references are read at each poll, and whole commits that they name; repositories of SHA-256 are refused by name.
//!
//! What this does not do: it decides neither which addresses are asked nor with which credentials, keeps no time of polls, follows
//! no link and no submodule ([`Modules`] only reads where they are), and verifies no signature; it hands out the bytes that were
//! signed.
//!
//! Invariants:
//! - A poll in version 2 asks for the references that are wanted and no others; what it costs does not grow with the repository.
//! - Whatever a server sends is within [`Limits`], each of which its error names; nothing grows by what a header claims.
//! - A path is of plain parts, and only tree objects say what is there; a name that could be git's own or lead elsewhere is
//!   reported and not entered.
//! - What the cache holds is what its id says, or it is damaged, which is an error of its own: the cache can be thrown away.
//! - Text of a server in an error is short and printable.

#![forbid(unsafe_code)]

mod advertised;
mod cache;
mod capabilities;
mod commit;
mod compact;
mod daemon;
mod delta;
mod enclosed;
mod fault;
mod fetch;
mod http;
mod id;
mod limits;
mod local;
mod meter;
mod modules;
mod name;
mod objects;
mod older;
mod pack;
mod packet;
mod range;
mod remote;
mod revision;
mod size;
mod transport;
mod tree;
mod upload;
mod varint;
mod watch;
mod whole;
mod wire;

#[cfg(test)]
mod fuzz;

pub use cache::{Cache, CacheError};
pub use commit::{Commit, Person, Tag};
pub use daemon::{Daemon, Dialled};
pub use fault::{GitError, Unsupported};
pub use http::{HttpError, SmartHttp};
pub use id::ObjectId;
pub use limits::{Limit, Limits};
pub use local::{Local, LocalError};
pub use meter::PackFault;
pub use modules::{Modules, ModulesError, ModulesFault};
pub use name::{NameFault, RefName};
pub use objects::{ObjectError, Objects};
pub use packet::PacketFault;
pub use range::{Range, RangeError};
pub use remote::Remote;
pub use revision::{Revision, RevisionError, Target};
pub use size::Work;
pub use transport::{Dial, Pending, Reply, Session, Stream, Transport, TransportError};
pub use tree::{Entry, Found, Kind, PathFault, TreeError};
pub use upload::Upload;
pub use watch::Watch;
pub use wire::WireError;
