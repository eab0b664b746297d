//! The limits of the contract; `limits.json` holds the same values for other languages.
//!
//! The handshake may lower those that [`Limits`](crate::v1::Limits) names; nothing raises them.

use std::time::Duration;

/// Largest gRPC message either side accepts, in bytes.
pub const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Most events in one batch.
pub const BATCH_EVENTS: usize = 512;
/// Largest batch in bytes of encoded events; one larger event may travel alone.
pub const BATCH_BYTES: usize = 1024 * 1024;
/// Largest object in bytes of JSON.
pub const OBJECT_BYTES: usize = 8 * 1024 * 1024;
/// Deepest nesting of an object; the object itself is level 1.
pub const OBJECT_DEPTH: usize = 64;
/// Largest token in bytes.
pub const TOKEN_BYTES: usize = 4 * 1024;
/// Longest `source_version` in bytes.
pub const SOURCE_VERSION_BYTES: usize = 128;
/// Longest scope id in bytes.
pub const SCOPE_BYTES: usize = 256;
/// Most entries in one `Known` message.
pub const KNOWN_ENTRIES: usize = 512;
/// Most deletes in a window of several batches; the host applies none of more, and orders a listing.
pub const WINDOW_DELETES: usize = 16 * 1024;
/// Largest window of several batches in bytes, as the host keeps it (its own share is 256 bytes a delete); the same applies.
pub const WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// Length of the nonce of a launch in bytes.
pub const NONCE_BYTES: usize = 32;
/// Longest path of the socket in bytes; the smallest `sun_path` in use holds 104.
pub const SOCKET_PATH_BYTES: usize = 90;
/// Largest HTTP/2 frame in bytes; larger writes to a Unix socket are slower.
pub const FRAME_BYTES: u32 = 256 * 1024;
/// HTTP/2 flow-control window of one stream in bytes.
pub const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// HTTP/2 flow-control window of one connection in bytes.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Longest time an event waits for company before its batch is sent.
pub const LINGER: Duration = Duration::from_millis(25);
/// Longest time between two heartbeats.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a source may live after its standard input ended.
pub const LIFELINE: Duration = Duration::from_secs(2);
