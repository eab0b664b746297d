//! The contract `k1s.source.v1` between the host and a source plugin: generated messages, client and server,
//! the limits both sides keep, the names of optional features, and the digest of a snapshot.
//!
//! `k1s/source/v1/source.proto` is the manual; this crate adds nothing to it but constants and arithmetic. It
//! opens no connection, reads no clock and keeps no state.
//!
//! Invariants: `bytes` fields are slices of the received message, never copies; messages that carry a secret, an
//! object or the nonce never print it.
#![forbid(unsafe_code)]

mod digest;
pub mod features;
mod known;
pub mod limits;
mod redacted;

pub use digest::SnapshotDigest;
pub use known::KnownObject;

/// The newest major version of the contract that this crate speaks.
pub const PROTOCOL_MAJOR: u32 = 1;

/// Every major version of the contract that this crate speaks, ascending.
pub const PROTOCOL_MAJORS: &[u32] = &[PROTOCOL_MAJOR];

/// The environment variable that names the socket to listen on, as `unix:<path>`.
pub const ADDR_VARIABLE: &str = "K1S_SOURCE_ADDR";

/// The environment variable that holds the nonce of the launch: 64 lower-case hexadecimal digits.
pub const NONCE_VARIABLE: &str = "K1S_SOURCE_NONCE";

/// The encoded `google.protobuf.FileDescriptorSet` of the contract.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/source.descriptor.bin"));

/// The messages and services of `k1s.source.v1`, generated from the file that documents them.
#[expect(
    missing_docs,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code; the .proto file holds the documentation"
)]
pub mod v1 {
    tonic::include_proto!("k1s.source.v1");
}
