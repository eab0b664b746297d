//! How long and how much.

use std::time::Duration;

/// How long something may take, and how much may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest time to find a host's addresses and connect to one of them.
    pub dial: Duration,
    /// The longest time for a handshake: of TLS, or with a proxy, each.
    pub handshake: Duration,
    /// The longest time from the connection to the end of an answer's head.
    pub header: Duration,
    /// The longest time between two pieces of a body.
    pub idle: Duration,
    /// The longest time for all of it: redirects, body and resumed downloads included.
    pub total: Duration,
    /// The most bytes of an answer's head; at least 8 KiB.
    pub header_bytes: u32,
    /// The most bytes of an answer's body, and of a download.
    pub body_bytes: u64,
    /// The most redirects in a row.
    pub redirects: u32,
    /// The most times that one download is resumed.
    pub resumes: u32,
}

/// The smallest [`Limits::header_bytes`], which is the library's.
pub(crate) const HEADER_BYTES_LEAST: u32 = 8 << 10;
/// The most headers of an answer, and of what ends it.
pub(crate) const HEADERS: usize = 128;

impl Default for Limits {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(10),
            header_bytes: 64 << 10,
            body_bytes: 1 << 30,
            redirects: 10,
            resumes: 5,
        }
    }
}

/// The name of a limit, and what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// [`Limits::dial`]
    #[error("dial, {0:?} to connect")]
    Dial(Duration),
    /// [`Limits::handshake`]
    #[error("handshake, {0:?} to greet")]
    Handshake(Duration),
    /// [`Limits::header`]
    #[error("header, {0:?} for the head of an answer")]
    Header(Duration),
    /// [`Limits::idle`]
    #[error("idle, {0:?} without a byte")]
    Idle(Duration),
    /// [`Limits::total`]
    #[error("total, {0:?} for all of it")]
    Total(Duration),
    /// [`Limits::header_bytes`]
    #[error("header_bytes, {0} bytes of the head of an answer, or {HEADERS} headers")]
    HeaderBytes(u32),
    /// [`Limits::body_bytes`]
    #[error("body_bytes, {0} bytes of an answer")]
    BodyBytes(u64),
}

impl Limit {
    /// Returns whether it is one of time.
    pub fn is_time(&self) -> bool {
        match self {
            Self::Dial(_) | Self::Handshake(_) | Self::Header(_) | Self::Idle(_) | Self::Total(_) => true,
            Self::HeaderBytes(_) | Self::BodyBytes(_) => false,
        }
    }
}
