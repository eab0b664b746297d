//! Artifacts of a real registry, as the getter source fetches them.

#![forbid(unsafe_code)]

#[cfg(test)]
mod artifacts;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod tokens;
