//! The host of k1s-sync: command line, configuration and what it prints.
//!
//! The composition root: it ties engine, store and processes together and is the only crate that knows them all.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
