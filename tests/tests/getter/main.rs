//! The getter source under the real host: what an origin does, and what becomes of the objects.
#![forbid(unsafe_code)]

mod artifacts;
#[allow(dead_code, reason = "each test program needs its part of it")]
#[path = "../../../plugins/getter/bucket/tests/azure/server.rs"]
mod azure_server;
mod buckets;
mod clouds;
mod documented;
#[path = "../../../plugins/getter/bucket/tests/emulator/emulator.rs"]
mod emulator;
#[allow(dead_code, reason = "each test program needs its part of it")]
#[path = "../../../plugins/getter/bucket/tests/gcs/server.rs"]
mod gcs_server;
mod hostile;
mod lent;
mod local;
mod mercurial;
mod replaced;
mod repositories;
mod secrets;
#[allow(dead_code, reason = "each test program needs its part of it")]
#[path = "../../../plugins/getter/bucket/tests/moto/server.rs"]
mod server;
mod signed;
mod stage;
mod states;
mod web;
mod webhook;
