//! Objects of S3 and of stores that speak as it does, of Google Cloud Storage, and of Azure.
//!
//! A [`Bucket`] says what an address names, an object or all that is below a prefix, and makes the requests for the objects;
//! whoever fetches sends those with a [`Client`](k1s_getter_net::Client), which judges addresses and keeps limits.
//!
//! Finds no credentials (no shared configuration, no metadata service): it is told which to ask with. It writes nothing,
//! keeps nothing, and neither reads nor believes what servers say of errors.
//!
//! Invariants:
//! - The path of an object is below the prefix that was asked for, and of plain parts; a key that cannot be one is reported
//!   and never asked for. A prefix ends where a part of a path does: `team` is not `team-b`.
//! - A listing is whole or an error: pages follow each other to the end, and none says the same as one before.
//! - A secret signs and is not sent; neither it nor what it signed is ever printed.
//!
//! Signatures, listings and paths are modules that reach nothing; the others are as thin as they can be.

#![forbid(unsafe_code)]

mod azure;
mod bucket;
mod encode;
mod fault;
mod folder;
mod gcs;
mod page;
mod path;
mod s3;
mod store;
mod xml;

pub use azure::AzureAccess;
pub use bucket::{Bucket, Found, KEYS, PAGE_BYTES};
pub use fault::BucketError;
pub use folder::{Folder, REFUSED};
pub use page::{Entry, ListingError};
pub use path::{KeyFault, KeyPath};
pub use s3::Access;
