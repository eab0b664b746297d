//! The wire between host and plugin: two one-shot HTTP/2 connections over a Unix socket, and the translation between wire
//! messages and the engine's. Nothing outside this module sees a wire type of the session.

mod connection;
mod hearing;
mod inbound;
mod outbound;
mod words;

#[cfg(test)]
pub(crate) use connection::client;
pub(crate) use connection::{Connections, DialError, dial};
#[cfg(test)]
pub(crate) use hearing::Heard;
pub(crate) use hearing::{Hearing, Parting};
pub(crate) use inbound::{Inbound, diagnostic, source_message};
pub(crate) use outbound::{host_message, sync_reason};
pub(crate) use words::capability;
