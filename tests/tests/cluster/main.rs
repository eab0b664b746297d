//! Kubernetes' own API server, and what stands before it: that both are what the tests of the Kubernetes source take them for.
#![forbid(unsafe_code)]

mod faults;
mod server;
