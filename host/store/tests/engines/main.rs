//! What every storage engine does, and what an engine on a file does beyond that.
#![forbid(unsafe_code)]

mod crash;
mod damage;
mod file;
mod model;
mod subject;
mod suite;
