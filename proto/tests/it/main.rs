//! Binds the constants and the digest to the files that other languages read.
#![forbid(unsafe_code)]

#[cfg(test)]
mod digest;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod redacted;
