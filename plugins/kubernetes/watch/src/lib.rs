//! How a Kubernetes cluster is listed and watched: what to ask, and what an answer means.
//!
//! Pure: bytes, refusals and the time that passed come in; requests, objects and positions come out. It opens no
//! connection, reads no clock and draws no random number, so each of its answers can be put in a table. Objects are JSON
//! values; no kind is known by its type, and of a listing only the object being read is in memory.
//!
//! - [`Resource`], [`Part`]: what a cluster serves, and which part of it one scope follows.
//! - [`discovery`]: what a cluster says that it serves.
//! - [`Kinds`], [`Namespaces`]: what of it is chosen. [`Fields`]: what of an object is left out.
//! - [`Ask`]: the requests. [`Pieces`], [`Lines`]: their answers, cut into objects as the bytes arrive.
//! - [`Event`], [`Refusal`]: what an answer means.
//! - [`Course`]: what a scope does next, whatever happened. [`Settling`]: which deletes are to be told, and how far the
//!   scope may say that it has come. [`Position`]: where it goes on after a restart.
//!
//! Invariants: a position never advances on initial events, which come in no order, but only with a finished listing, a
//! bookmark, or a change that was told; a listing that broke anywhere proves nothing and begins anew; what a server
//! forbids is asked again, later and later, for as long as the scope lives.

#![forbid(unsafe_code)]

mod ask;
mod backoff;
mod course;
pub mod discovery;
mod event;
mod fields;
mod lines;
mod pieces;
mod position;
mod refusal;
mod resource;
mod selection;
mod settling;

pub use ask::{Ask, Selectors};
pub use backoff::Backoff;
pub use course::{Brought, Course, Next, Way};
pub use event::{Event, EventError, Object};
pub use fields::{FieldError, Fields};
pub use lines::{Lines, TooLong};
pub use pieces::{Envelope, Pieces, PiecesError};
pub use position::{Position, PositionError};
pub use refusal::{Refusal, Verdict};
pub use resource::{Part, Reach, Resource};
pub use selection::{Extent, Kinds, Namespaces, PatternError};
pub use settling::{Due, Settling};
