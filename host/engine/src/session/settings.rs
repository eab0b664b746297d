//! What a session is opened with.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use k1s_object::{MAX_OBJECT_BYTES, Timestamp};

use crate::id::{MAX_TOKEN_BYTES, ScopeId};
use crate::message::{DEFAULT_HUNG_AFTER, Mode};

/// Most scopes one session may name.
pub const MAX_SCOPES: usize = 4096;
/// Most deletes of one window that came in several batches; a window with more of them waits
/// for a complete listing.
pub const MAX_WINDOW_DELETES: usize = 16_384;
/// Most bytes that the deletes of one window may hold while it is not complete; a window with more of them waits for a
/// complete listing.
pub const MAX_WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// Most kinds one session may describe.
pub const MAX_KINDS: usize = 4096;
/// Longest description of a kind in bytes, over all its names.
pub const MAX_KIND_BYTES: usize = 1024;
/// Longest message of a problem outside any event in bytes; the rest is cut off.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024;
/// Longest detail of a problem outside any event in bytes; the rest is cut off.
pub const MAX_DETAIL_BYTES: usize = 64 * 1024;
/// Longest root identity in bytes; room for two paths of the operating system's longest kind.
pub const MAX_ROOT_IDENTITY_BYTES: usize = 16 * 1024;

/// What a source said that it can do beyond listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Sends changes after it is live.
    Watch,
    /// Goes on from a token.
    Resume,
    /// Reports deletes made while it was away.
    ReportsDeletes,
    /// Wants to be told what is durable.
    WantsAcks,
    /// May leave out the body of what is unchanged.
    Seen,
    /// Wants the inventory before it begins.
    NeedsKnown,
    /// Connects when its configuration is validated.
    Probe,
    /// Uses more than one scope.
    MultiScope,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Watch => "WATCH",
            Self::Resume => "RESUME",
            Self::ReportsDeletes => "REPORTS_DELETES",
            Self::WantsAcks => "WANTS_ACKS",
            Self::Seen => "SEEN",
            Self::NeedsKnown => "NEEDS_KNOWN",
            Self::Probe => "PROBE",
            Self::MultiScope => "MULTI_SCOPE",
        })
    }
}

/// The sizes both sides agreed on in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most events in one batch.
    pub batch_events: usize,
    /// Most bytes of objects in one batch; a single larger object may travel alone.
    pub batch_bytes: usize,
    /// Most bytes of one object.
    pub object_bytes: usize,
    /// Most bytes of one token.
    pub token_bytes: usize,
    /// Most deletes of a window of several batches.
    pub window_deletes: usize,
    /// Most bytes that such a window may hold.
    pub window_bytes: usize,
}

impl Default for Limits {
    /// The limits of the contract; a handshake may lower them.
    fn default() -> Self {
        Self {
            batch_events: 512,
            batch_bytes: 1024 * 1024,
            object_bytes: MAX_OBJECT_BYTES,
            token_bytes: MAX_TOKEN_BYTES,
            window_deletes: MAX_WINDOW_DELETES,
            window_bytes: MAX_WINDOW_BYTES,
        }
    }
}

/// What a session is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// As agreed in the handshake.
    pub limits: Limits,
    /// As sent in `Begin`.
    pub mode: Mode,
    /// As described by the source; what it did not announce it may not use.
    pub capabilities: BTreeSet<Capability>,
    /// The scopes for which a token was sent; they may go live without a listing.
    pub resumed: BTreeSet<ScopeId>,
    /// How often to list a scope again; `None` for a source that reports every delete by itself.
    pub interval: Option<Duration>,
    /// Random bits that keep the intervals of many sources apart.
    pub jitter: u64,
    /// How long a working source may be silent; `None` stops that clock.
    pub hung_after: Option<Duration>,
    /// The wall clock at the moment the session is made; what a source says in wall time is measured from it.
    pub started_at: Timestamp,
}

impl Settings {
    /// The settings of a source that only lists: contract limits, no capability, no interval, the default clock.
    #[must_use]
    pub fn new(mode: Mode, started_at: Timestamp) -> Self {
        Self {
            limits: Limits::default(),
            mode,
            capabilities: BTreeSet::new(),
            resumed: BTreeSet::new(),
            interval: None,
            jitter: 0,
            hung_after: Some(DEFAULT_HUNG_AFTER),
            started_at,
        }
    }
}
