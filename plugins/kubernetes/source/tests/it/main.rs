//! The source in this process, between a host and an API server that say what a test wants.
#![forbid(unsafe_code)]

#[cfg(test)]
mod api;
#[cfg(test)]
mod host;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod watching;
