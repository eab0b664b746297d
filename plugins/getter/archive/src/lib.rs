//! Archives and compressed files, read entry by entry within limits.
//!
//! [`read`] takes an archive of a format that the getter source knows and hands each file in it, with a path that is
//! checked, to whoever wants its bytes. Nothing is ever written by the path of an entry, and no link is followed.
//!
//! Reaches nothing: no file, no clock. The archive is what is handed in, and what becomes of the bytes is for whoever takes
//! them.
//!
//! Invariants:
//! - Only `Ok` of [`read`] says that what was handed out is the archive: whatever is cut, damaged, too large, contradicts
//!   itself or leads outside fails as a whole, and what was handed out before is to be thrown away.
//! - Limits count bytes that were really unpacked, never what a header says. Each has a name, which its error tells.
//! - Paths are relative, of plain parts, each there once, and none lies below a file or link.
//! - Of modes only whether a file can be executed is kept, and of times nothing.

#![forbid(unsafe_code)]

mod archive;
mod decoder;
mod extension;
mod fault;
mod limits;
mod meter;
mod path;
mod tape;
mod tree;
#[cfg(feature = "zip")]
mod zipped;

pub use archive::{Entry, Kind, Mode, Taker, read};
pub use fault::{ArchiveError, PathFault};
pub use limits::{Limit, Limits, RATIO_GRACE};
pub use path::EntryPath;
