//! Disks that fail under the real host: full, read-only, unable to sync, damaged. What fails is said with its cause, nothing
//! is acknowledged that is not durable, and the host goes on by itself when that is possible.
#![forbid(unsafe_code)]

mod damage;
mod full;
mod readonly;
mod sync;
