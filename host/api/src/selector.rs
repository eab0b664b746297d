//! Label and field selectors: which of a kind's objects are meant.

mod field;
mod label;

pub(crate) use field::{FieldSelector, text_at};
pub use label::{LabelSelector, SelectorError};
