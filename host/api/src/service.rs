//! The API as a tower service without sockets.
