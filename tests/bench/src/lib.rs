//! What the product's numbers are measured with: the rows, and the yardsticks that run beside them.
//!
//! Each row of the table in `docs/performance.md` runs the real programs on real input and, in turn with them, a yardstick:
//! the least that any program would have to do for the same result. What counts is the ratio of the two, because the
//! machine is part of both. [`measure`] runs them, checks what they did, and reports; the yardsticks are [`insert`],
//! [`walk`] and [`bare`], each a process of its own; [`replay`] is the source that sends everything every time.
//!
//! It judges no time by itself: a report says what was met and what was not, and only a wrong result is a failure.
//!
//! # Invariants
//! - Nothing that is reported depends on a pause: what is timed begins and ends with events.
//! - A run whose result is wrong has no time: counts, exit codes and the rows of the store are checked in each.
#![forbid(unsafe_code)]

pub mod bare;
pub mod cost;
pub mod dump;
pub mod events;
pub mod insert;
pub mod manifests;
pub mod measure;
pub mod objects;
pub mod replay;
mod rows;
pub mod scan;
pub mod sink;
pub mod walk;
