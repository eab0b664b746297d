//! Kubernetes' own client against the API of a host that stays, with the real programs: what is read and watched is what
//! the folder declares, what may be written reaches the host, and what is not served is refused as it should be.
#![forbid(unsafe_code)]

mod access;
mod control;
mod discovery;
mod formats;
mod lists;
mod refusals;
mod shop;
mod waits;
mod watches;
