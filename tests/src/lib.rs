//! What the end-to-end tests share: inputs and the means to run the built programs on them.
//!
//! [`tree`] makes trees of manifests together with the keys they declare, [`hostile`] makes files that a source must
//! refuse together with the answer it owes, [`program`] starts what the workspace builds with a deadline, [`processes`]
//! finds what those started, [`room`] lets their disks run full, [`scene`] is a folder with a store that the host keeps for
//! it, [`daemon`] is the host that stays over one, [`kubectl`] is Kubernetes' own client, [`diary`] is a source that
//! remembers what it was told is durable, [`web`] is a server of HTTP that fails as it is told, [`registry`] one of
//! artifacts, [`repository`] makes repositories of git and serves them, [`sshd`] is OpenSSH's server, [`cluster`] is Kubernetes'
//! API server with etcd and [`proxy`] stands before it and fails as it is told, [`authority`] vouches for certificates,
//! [`canary`] looks for secrets where none may be, [`oracle`] judges what a store did with a folder, and [`eventually`] waits for a
//! condition. The tests themselves are in `tests/`.
//!
//! # Invariants
//! - A generated tree is a function of its seed, its size and its layout: no clock, no randomness, no environment.
//! - Every wait has a deadline, and what runs out of time says what it was waiting for.
#![forbid(unsafe_code)]

pub mod authority;
pub mod canary;
pub mod cluster;
pub mod daemon;
pub mod diary;
pub mod hostile;
pub mod kubectl;
pub mod oracle;
pub mod processes;
pub mod program;
pub mod proxy;
pub mod registry;
pub mod repository;
pub mod room;
pub mod scene;
pub mod sshd;
pub mod tree;
pub mod web;

mod brought;
mod poll;
mod upstream;

pub use k1s_fuzz::random;
pub use k1s_object::Key;
pub use poll::eventually;
