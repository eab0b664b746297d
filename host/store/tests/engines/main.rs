//! What every storage engine does, and what an engine on a file does beyond that.

mod model;
mod subject;
mod suite;
