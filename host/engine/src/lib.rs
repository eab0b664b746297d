//! The pure core of k1s-sync: what a host concludes from what sources say.
//!
//! Three machines and a handful of functions, all of them plain values:
//! - `session`: one run of one source. It takes the source's messages in order, holds them to the contract (order,
//!   sequence, limits, counts, digest, hashes) and says what to commit, to answer and to give up.
//! - `lifecycle`: one source over many runs. It says when to launch, to wait, to give up and to try again.
//! - `inventory`: what a scope owns, which of it an open generation has touched, and so what is absent.
//! - `decide`, `guard`, `held`, `order`: what is to be done about one object, whether a set of deletes may
//!   happen, what is held of it, and in which order a transaction applies.
//!
//! It knows neither the wire format nor the store: the daemon turns wire messages into [`message`] values, the store's
//! writer asks `decide` inside its transaction. No async runtime, no file system, no clock, no randomness: time and
//! jitter are arguments, effects are values of a `Command` enum.
//!
//! # Invariants
//! - The end of a stream proves nothing; only a complete, counted and digested end of a generation makes absence mean
//!   anything, and only for rows that the generation did not touch.
//! - Whatever could not be read or applied stays: failures pin, they never omit.
//! - Every input is answered in every state; a source that breaks the contract ends its session, never the host.
#![forbid(unsafe_code)]

pub mod backoff;
pub mod breaker;
pub mod decide;
pub mod digest;
pub mod event;
pub mod guard;
pub mod id;
pub mod inventory;
pub mod lifecycle;
pub mod liveness;
pub mod message;
pub mod order;
pub mod pattern;
pub mod policy;
pub mod problem;
pub mod session;
pub mod work;
