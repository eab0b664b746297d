//! One source in the daemon: an actor that follows its lifecycle, and the run of it that is going on.
//!
//! [`actor`] turns lifecycle commands into runs, and ends of runs into lifecycle inputs. A run is one launch: `launch`
//! starts the process and agrees on everything, `opening` sends what the host holds, `conversation` drives the
//! engine's session over the stream until it ends, and the process is reaped before the run is over. `pass` adds up what
//! a listing led to. What users are told leaves as a [`Notice`] through one bounded channel; what people want comes in as
//! an [`Order`], and `desk` knows what of that is not done yet.
//!
//! No state here decides anything about objects: that is the engine's and the store's.

mod actor;
mod configuration;
mod conversation;
mod desk;
mod launch;
mod logs;
mod notice;
mod offence;
mod opening;
mod order;
mod pass;
mod record;
mod redaction;
mod run;
mod storage;
#[cfg(test)]
mod tests;

pub(crate) use actor::{Actor, Ending, Host, Inbox, Station};
pub(crate) use notice::{Held, Notice, PassSummary, What};
pub(crate) use order::{Order, Wish};
pub(crate) use record::pass_row;
