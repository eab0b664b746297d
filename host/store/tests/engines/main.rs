//! What every storage engine does, and what an engine on a file does beyond that.
#![forbid(unsafe_code)]

#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod file;
#[cfg(test)]
mod model;
#[cfg(test)]
mod subject;
#[cfg(test)]
mod suite;
