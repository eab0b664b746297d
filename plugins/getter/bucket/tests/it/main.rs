//! Buckets of real servers of S3 and Azure, which check signatures, and of Google Cloud Storage, and of one on loopback that answers as none should.

#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod azure;
#[allow(dead_code, reason = "each test program needs its part of it")]
#[path = "../azure/server.rs"]
mod azure_server;
#[path = "../emulator/emulator.rs"]
mod emulator;
mod faults;
mod gcs;
#[allow(dead_code, reason = "each test program needs its part of it")]
#[path = "../gcs/server.rs"]
mod gcs_server;
mod moto;
mod objects;
#[allow(dead_code, reason = "each test program needs its part of it")]
#[path = "../moto/server.rs"]
mod server;
