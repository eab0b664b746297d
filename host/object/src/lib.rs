//! Keys, canonical form, hashes and field paths of Kubernetes-shaped objects.
//!
//! This crate says what an object *is*: how it is named, which bytes stand for its content, which of its fields a
//! document declares, and what becomes of an object when a declaration is laid over it. It knows no source, no store,
//! no wire format and no schema; lists are atomic here until a schema says otherwise.
//!
//! Pure: no file system, no clock, no randomness, no async runtime. Everything is a function of its arguments.
//!
//! # Invariants
//! - A [`Document`] has passed validation: a group, version and kind, a valid name, string maps for labels and annotations.
//! - Equal [`Canonical`] bytes mean equal content; the bytes hold no server-owned metadata and none of this project's
//!   bookkeeping keys, so writing bookkeeping never changes a hash.
//! - [`overlay`] is idempotent, and never removes a field that neither the base nor the declaration names.
#![forbid(unsafe_code)]

mod annotation;
mod canonical;
mod document;
mod hash;
mod instance;
mod key;
mod kind;
mod name;
mod node;
mod overlay;
mod timestamp;

pub use annotation::{BOOKKEEPING_PREFIX, ControlAnnotations, PruneRule, Reconcile, is_bookkeeping};
pub use canonical::{Canonical, StatusRule};
pub use document::{Document, DocumentError, MAX_DEPTH, MAX_OBJECT_BYTES};
pub use hash::ContentHash;
pub use instance::{InstanceId, InstanceIdError};
pub use key::{DeclaredKey, GroupKind, Key, KeyDecodeError};
pub use kind::{ApiVersion, KindNames, KindScope};
pub use name::{NameError, validate_label_name, validate_subdomain};
pub use overlay::{agree_on, overlay};
pub use timestamp::Timestamp;
