//! Label selectors: which of a kind's objects are meant.

mod label;

pub use label::{LabelSelector, SelectorError};
