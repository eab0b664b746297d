//! What is heard at most.

use std::time::Duration;

/// The longest body, in bytes; GitHub's are at most 25 MiB, and those of a push hardly a hundredth of this.
pub const BODY_BYTES: usize = 1 << 20;
/// The longest head of a request, in bytes.
pub const HEAD_BYTES: usize = 16 << 10;
/// How long a request may take to arrive, head and body each.
pub const READ: Duration = Duration::from_secs(10);
/// The most connections at a time; others wait to be accepted.
pub const CONNECTIONS: usize = 32;
/// The shortest time between two words in the log on requests that were refused: anybody can send one.
pub const COMPLAINTS: Duration = Duration::from_mins(1);
/// The shortest time between two rings of a bell.
pub const PAUSE: Duration = Duration::from_secs(1);
