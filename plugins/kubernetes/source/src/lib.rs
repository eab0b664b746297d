//! The Kubernetes source of k1s-sync: the objects of other clusters, listed once and then watched.
//!
//! What to ask, and what an answer means, is `k1s-kubernetes-watch`'s; here are the connections, the clock and the host. Reads
//! only: no request of this program changes anything in a cluster. Keeps no object: what it holds is one object for each
//! listing under way, and for each kind how far it has come.
//!
//! - `config`: what a user writes. `connect`: a client of one cluster, as its kubeconfig says, and what tells it from others.
//! - `link`: requests, at the cluster's pace, and their answers in chunks.
//! - `cluster`: what all loops of one cluster share. Its owner is `discover`, which alone changes what is seen of it, by a `look`.
//! - `follow`: the loop of one scope, over `list` and `watch`, steered by the pure `Course`.
//! - `trouble`: what went wrong, in words that hold no secret.

#![forbid(unsafe_code)]

mod cluster;
mod config;
mod connect;
mod declare;
mod discover;
mod early;
mod follow;
mod kubernetes;
mod link;
mod list;
mod look;
mod trouble;
mod watch;

pub use config::Config;
pub use kubernetes::Kubernetes;
