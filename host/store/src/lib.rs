//! k1s: the embedded, Kubernetes-shaped object store.
//!
//! It keeps objects with uid, revision and generation, the versions behind them, and beside them everything a sync must
//! remember: what each source owns and last declared, what waits, what was pruned and what is held. All of it changes only
//! in atomic, durable transactions of one writer thread, so at every instant the store equals the application of a prefix
//! of each source's batches.
//!
//! It speaks no wire format, starts no plugin and serves no API; what is to be done about an object is decided by
//! `k1s-sync-engine`, inside the writer's transaction.
//!
//! # Invariants
//! - A transaction that changes nothing is not committed; an unchanged pass writes nothing.
//! - Objects, inventory, tokens and tombstones of a batch become durable together, or not at all.
//! - Every change of an object has a revision of its own; readers see a transaction whole.
//! - A damaged file is named and left as it is; a file of a newer format is refused.
#![forbid(unsafe_code)]

pub mod clock;
pub mod command;
pub mod engine;
mod error;
pub mod health;
pub mod kinds;
mod meta;
mod place;
pub mod reader;
pub mod row;
pub mod served;
pub mod status;
mod store;
mod table;
pub mod writer;

pub use error::StoreError;
pub use reader::Reader;
pub use store::{OpenOptions, Store};
pub use table::Table;
pub use writer::Writer;
