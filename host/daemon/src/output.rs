//! What the host says to people: tables, summaries, failures, numbers and times.
//!
//! Pure functions from values to text; nothing here prints. Colours are in the text only where the [`Palette`] has them,
//! and whatever comes from a source is made safe for a terminal first.

mod lines;
mod palette;
mod table;
mod text;

pub use lines::{Lines, counts};
pub use palette::Palette;
pub use table::Table;
pub use text::{count, elapsed, key, since_text, visible};
