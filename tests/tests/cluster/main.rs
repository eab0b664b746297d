//! The Kubernetes source under the real host, at Kubernetes' own API server; and first, that this and what stands before it are
//! what these tests take them for.
#![forbid(unsafe_code)]

mod annotations;
mod failing;
mod faults;
mod kinds;
mod migration;
mod resume;
mod rights;
mod selection;
mod server;
mod stage;
