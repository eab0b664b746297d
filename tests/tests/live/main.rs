//! The host as a daemon over a folder that changes, with the real programs: what is edited arrives, and nothing that is
//! still declared is ever deleted.
#![forbid(unsafe_code)]

mod changes;
mod checkout;
mod faults;
mod verbs;
