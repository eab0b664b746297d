//! Programs and repositories behind OpenSSH's own server.
#![forbid(unsafe_code)]

mod logins;
mod repositories;
