//! Sources served over a real Unix socket to a client that trusts nothing: it counts, hashes and orders by itself.
#![forbid(unsafe_code)]

#[cfg(test)]
mod child;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod host;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod order;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod session;
#[cfg(test)]
mod transcript;
#[cfg(test)]
mod watching;
