//! Artifacts of OCI registries: polled by one request without a body, brought by digest.
//!
//! A [`Registry`] is one repository. [`Registry::look`] asks what a tag stands for, which is a `HEAD` of some hundred bytes;
//! [`Registry::manifest`] and [`Registry::layer`] bring what has a digest, so that nothing is asked for twice that is
//! kept under its digest. What a layer holds ([`Layer::content`]) is told by its media type: an archive, or one file with the
//! name that ORAS gives it.
//!
//! It keeps nothing, unpacks nothing, and does not choose among platforms: an index counts only when it has one manifest.
//! Signatures are not verified here.
//!
//! Invariants:
//! - What is brought has the digest and the size that it was asked by, or is an error. What a tag stands for is the
//!   registry's word; a digest in the address leaves it none.
//! - The credential goes to the registry, and to a service of tokens that is of the same origin, that belongs to a registry
//!   known by name, or that was named; to no other, whatever the registry says ([`OciError::Realm`]).
//! - A manifest that could be read as two kinds is refused (CVE-2021-41190). A layer's own URLs are not followed.
//! - What is read has limits: [`limits`]. No error quotes what a registry says but media types and digests.

#![forbid(unsafe_code)]

mod challenge;
mod fault;
pub mod limits;
mod manifest;
mod realm;
mod registry;
mod token;

pub use fault::{ManifestError, OciError};
pub use manifest::{Content, Layer, Manifest};
pub use registry::{Access, Registry};
