//! The getter source of k1s-sync: manifests from wherever go-getter fetches.
//!
//! An address is read into types (`k1s-getter-address`), its origin is asked at an interval whether something changed, and
//! what is there now is brought to this machine, verified, unpacked entry by entry (`k1s-getter-archive`), and declared.
//! Nothing is executed, and nothing is written by a path that somebody else chose, but by `fetch` into a new directory.
//!
//! The way of a file: an `origin` finds it (`look`), by a `wish` that knows what may be wanted; `pick` decides what is;
//! contents go into the `cache` under their own names; `bench` publishes the whole as a snapshot that holds until the next
//! one is whole, after `weigh` looked at all of it; `desk` says when, and `declare` tells the host what it does not hold. `keeper` is the loop, `pace` its clock. `fetch`
//! and `relock` are the verbs without a host.
//!
//! Does not render kustomizations or charts, and does not tell the host of a state that is not whole.

#![forbid(unsafe_code)]

mod attention;
mod bench;
mod cache;
mod command;
mod config;
mod content;
mod custody;
mod declare;
mod desk;
mod errand;
mod fetch;
mod getter;
#[cfg(feature = "git")]
mod git;
#[cfg(feature = "net")]
mod guest;
#[cfg(feature = "webhook")]
mod hearing;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "net")]
mod identity;
mod ignored;
mod keeper;
mod kept;
#[cfg(any(feature = "bucket", feature = "github-app"))]
mod lender;
mod local;
mod lock;
#[cfg(feature = "hg")]
mod mercurial;
#[cfg(feature = "net")]
mod network;
#[cfg(feature = "oci")]
mod oci;
mod origin;
mod origins;
mod pace;
mod past;
mod pick;
mod relock;
#[cfg(feature = "bucket")]
mod store;
mod sums;
mod target;
mod tree;
mod unpack;
#[cfg(feature = "git")]
mod verify;
mod weigh;
#[cfg(feature = "http")]
mod whose;
mod wish;

pub use command::Asked;
pub use config::Config;
pub use fetch::fetch;
pub use getter::Getter;
pub use relock::lock;
