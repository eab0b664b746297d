//! Addresses of what the getter source fetches: go-getter's grammar, read into types.
//!
//! [`Address::parse`] reads one address as go-getter v1 does (`fixtures/` holds what it makes of some thousands, and
//! `tests/it/deviations.rs` names each point in which this differs, and why) and refuses what could lead out of what was
//! meant. Everything it returns is checked: whoever fetches need not look at text again.
//!
//! What says whether a download is the one that is meant is here, too: [`Sums`] reads files of checksums, and a [`Verifier`]
//! takes the bytes.
//!
//! Reaches nothing: no file, no network, no clock. Whether what an address names exists, and what it leads to once it is
//! resolved (links, redirects, the numbers behind a name), is for whoever fetches.
//!
//! Invariants:
//! - An error names the part of the address by its bytes, the rule, and mostly a spelling that works; it quotes nothing of
//!   the address that could be secret.
//! - What could be secret is a [`Secret`], which cannot be printed; `Display` of an [`Address`] leaves it out.
//! - No parsed part begins with `-` where a program could take it for an option, and none holds a control character.
//! - A [`Subdir`] stays below the root.

#![forbid(unsafe_code)]

mod address;
mod archive;
mod checksum;
mod detect;
mod escape;
mod fault;
mod glob;
mod origin;
mod policy;
mod query;
mod scan;
mod secret;
mod show;
mod site;
mod subdir;
mod sums;
mod verifier;

pub use address::{Address, Download, Git, Mercurial, Source};
pub use archive::Archive;
pub use checksum::{Algorithm, Checksum, Digest, DigestError};
pub use fault::{AddressError, Part, Rule};
pub use glob::Glob;
pub use origin::Origin;
pub use origin::azure::{Azure, AzureEndpoint};
pub use origin::gcs::Gcs;
pub use origin::git::{Depth, Revision};
pub use origin::oci::{Oci, Reference};
pub use origin::s3::{AccessKey, Endpoint, Route, S3};
pub use policy::{Policy, Transport};
pub use query::Parameters;
pub use secret::Secret;
pub use site::{Host, Login, Remote, Site};
pub use subdir::{Choice, Subdir};
pub use sums::{SUMS_BYTES, Sums, SumsError};
pub use verifier::{Mismatch, Verifier};
