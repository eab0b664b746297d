#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod at;
mod changes;
mod declared;
mod diagnostic;
mod documents;
mod ignore;
mod known;
mod limits;
mod object;
mod outlet;
mod problem;
mod progress;
mod scribe;
mod secret;
mod serve;
mod snapshot;
mod source;

pub use at::At;
pub use changes::{Changes, Order, Reason, Window};
pub use diagnostic::{Diagnostic, Severity};
pub use documents::Documents;
pub use ignore::Ignore;
pub use k1s_source_proto::v1::{Key, KindInfo};
pub use known::{Known, KnownPath};
pub use object::ObjectLimits;
pub use problem::{Code, Level, Problem, Retry};
pub use progress::Progress;
pub use prost::bytes::Bytes;
pub use secret::Secret;
pub use serve::serve;
pub use snapshot::SnapshotWriter;
pub use source::{Capability, Context, Permission, Probe, Scope, Source, list_on_order};
