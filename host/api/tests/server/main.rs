//! The server on real sockets: who it is, whom it lets in, what it puts up with, and how it goes.
#![forbid(unsafe_code)]

#[cfg(test)]
mod closing;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod kubeconfig;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod listener;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod tls;
