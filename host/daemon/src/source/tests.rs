//! Whole runs, from the socket to the store.

mod cut;
mod nonsense;
