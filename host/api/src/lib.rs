//! The Kubernetes HTTP API over the store k1s: what kubectl, client-go and kube-rs read.
//!
//! It serves two kinds of things in the same manner. *Stored* objects come from a [`Reader`](k1s_store::Reader): every kind
//! of the kind table, in lists as of one revision, and in watches from a revision on. *Control* objects (`Source`,
//! `HeldPrune` of `sync.k1s.io/v1alpha1`) come from a [`Board`](board::Board), where the host writes what is so; they have a
//! resource version of their own and no history beyond what a watch needs. What a person may change about them reaches
//! the host as an [`Order`](control::Order).
//!
//! `service::Api` is a tower service without sockets. [`server`] puts it behind TLS on a loopback port; the
//! command line calls it in process when no host runs, so that both answer the same.
//!
//! It decides nothing about objects, opens no store, starts no plugin, and reads no configuration. It knows no names of
//! users: whoever has the token may do everything that is served.
//!
//! # Invariants
//! - A list is the state as of exactly one revision, however many pages it takes; a watch from that revision on misses
//!   nothing and shows nothing twice. Where that cannot be kept any more the answer is 410 `Expired`, never a gap.
//! - What is not served is refused as a Kubernetes API server refuses it (404, 405, 406, 415, 422), never approximated.
//! - A read holds a transaction of the store only while one page is read.
//! - Nothing but the health, readiness and version pages is answered without the token.
#![forbid(unsafe_code)]

pub mod age;
pub mod board;
pub mod control;
pub mod object;
pub mod selector;
pub mod server;
pub mod service;
