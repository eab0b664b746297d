//! What sources of files have in common: which of many files are manifests, and how files below a folder are opened.
//!
//! A source that finds files in a folder, an archive or a repository asks here, of each path: does the configuration
//! select it ([`Selection`]), do the ignore files above it leave it out ([`Rules`]), is it part of a Helm chart
//! ([`Zone`])? Paths are [`RelPath`]s, which cannot lead out of the place they begin in. [`Beneath`] opens files of a folder
//! on this machine, and only those; a [`Stamp`] says whether one may have changed since.
//!
//! What is in a file is the SDK's to say ([`k1s_source::Documents`]), control files of kustomize included. How files are
//! found, when they are read again, and what is declared of them is for each source.
//!
//! Invariants:
//! - Whether a file is a manifest depends on its path, the configuration, and what lies in the directories above it, so
//!   every source answers alike for the same tree.
//! - But for [`Beneath`] nothing here touches a file system; [`Beneath`] follows no link and never blocks.

#![forbid(unsafe_code)]

mod beneath;
mod relative;
mod rules;
mod select;
mod stamp;
mod zone;

pub use beneath::{Beneath, OpenError, Special};
pub use relative::RelPath;
pub use rules::{Entry, RULES_BYTES, RuleError, Rules};
pub use select::{INCLUDE, PatternError, Patterns, Selection};
pub use stamp::Stamp;
pub use zone::{CHART, Zone};
