//! The host of k1s-sync: command line, configuration and what it prints.
//!
//! The composition root: it ties engine, store and processes together and is the only crate that knows them all.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod output;

mod client;
mod clock;
mod condition;
mod console;
mod control;
mod data_directory;
mod get;
mod keeper;
mod kubeconfig;
mod logging;
mod mirror;
mod program;
mod progress;
mod prunes;
mod reload;
mod run;
mod serving;
mod source;
mod status;
mod store_file;
mod supervisor;
mod sync;
mod transport;
mod vet;

pub use program::main;
