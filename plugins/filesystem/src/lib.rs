//! The filesystem source of k1s-sync: folders of Kubernetes manifests.
//!
//! Lists every selected file below one or more roots and declares the objects in them. A file that has not changed is
//! not read; a file that cannot be read keeps what it last declared. Follows nothing out of a root, and refuses what
//! could block, grow without end, or expand without bound.
//!
//! Does not render kustomizations or charts, and writes nothing anywhere.
//!
//! The way of a file: `walk` (over `listing`, `ignored`, `link`) finds it, `memory` and the host's own
//! knowledge decide whether it is read, `read` reads it, `page` parses it, `snapshot` declares it, and `watch` does so again when it changes.

#![forbid(unsafe_code)]

mod config;
mod fault;
mod filesystem;
mod ignored;
mod ledger;
mod link;
mod listing;
mod memory;
mod mount;
mod page;
mod pipeline;
mod read;
mod root;
mod snapshot;
mod version;
mod walk;
mod watch;

pub use config::Config;
pub use filesystem::Filesystem;
