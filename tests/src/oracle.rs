//! Judges what a store did with a folder, whatever happened to the processes in between.
//!
//! A [`Folder`] is what files declare, read here and not by a source. A [`History`] is every state that a folder had. A
//! [`Watcher`] follows the API over the end and the return of the host and keeps a [`Journal`] of what it was told.
//! [`verdict`] compares them:
//!
//! - the store holds what the folder holds last;
//! - what a watcher was told of an object are states that the folder had, in their order and none twice: so nothing that
//!   stayed in the folder was ever told to be gone, what was told to be gone was gone, and no version is without a change;
//! - every revision is one thing that was told: there are no others, and none was used twice;
//! - an object keeps its uid until it is deleted.
//!
//! Of objects that no file declares, only namespaces that the host made may be there, once and for good.

mod folder;
mod journal;
mod verdict;
mod watcher;

pub use folder::{Folder, portable};
pub use journal::{Event, EventKind, Journal};
pub use verdict::{History, outlived, verdict};
pub use watcher::{Collection, Listing, Watcher};
