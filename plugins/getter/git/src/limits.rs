//! How much a server may send, and a repository may hold.

use std::time::Duration;

/// How much a server may send, and a repository may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one answer that are not a pack: capabilities, references, sections before a pack, progress.
    pub reply_bytes: u64,
    /// The most references of one answer.
    pub references: usize,
    /// The most bytes of a pack.
    pub pack_bytes: u64,
    /// The most objects of a pack.
    pub objects: u32,
    /// The most bytes of one object, inflated and with its delta applied.
    pub object_bytes: u64,
    /// The most bytes of all objects of a pack, inflated and with their deltas applied.
    pub total_bytes: u64,
    /// The most deltas between an object and one that stands by itself.
    pub delta_depth: u32,
    /// The most bytes of objects that wait for the deltas upon them, while a pack is taken.
    pub held_bytes: u64,
    /// The most entries of a tree with all that is below it, directories included.
    pub entries: usize,
    /// The most parts of a path.
    pub path_depth: usize,
    /// The most bytes of a path.
    pub path_bytes: usize,
    /// The most bytes of all paths of a tree.
    pub list_bytes: usize,
    /// The longest wait for the next byte of a server.
    pub idle: Duration,
    /// The longest time for one request with its answer.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reply_bytes: 32 << 20,
            references: 200_000,
            pack_bytes: 1 << 30,
            objects: 1_000_000,
            object_bytes: 256 << 20,
            total_bytes: 4 << 30,
            // The most that git makes of (`pack.depth`); what they cost is counted in bytes.
            delta_depth: 4095,
            held_bytes: 512 << 20,
            entries: 500_000,
            path_depth: 64,
            path_bytes: 4096,
            list_bytes: 64 << 20,
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
        }
    }
}

/// The name of a limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// [`Limits::reply_bytes`]
    #[error("reply_bytes, {0} bytes of an answer")]
    ReplyBytes(u64),
    /// [`Limits::references`]
    #[error("references, {0}")]
    References(usize),
    /// [`Limits::pack_bytes`]
    #[error("pack_bytes, {0} bytes of a pack")]
    PackBytes(u64),
    /// [`Limits::objects`]
    #[error("objects, {0} in a pack")]
    Objects(u32),
    /// [`Limits::object_bytes`]
    #[error("object_bytes, {0} bytes of one object")]
    ObjectBytes(u64),
    /// [`Limits::total_bytes`]
    #[error("total_bytes, {0} bytes of all objects of a pack")]
    TotalBytes(u64),
    /// [`Limits::delta_depth`]
    #[error("delta_depth, {0} deltas one upon another")]
    DeltaDepth(u32),
    /// [`Limits::held_bytes`]
    #[error("held_bytes, {0} bytes of objects that wait for the deltas upon them")]
    HeldBytes(u64),
    /// [`Limits::entries`]
    #[error("entries, {0} in a tree")]
    Entries(usize),
    /// [`Limits::path_depth`]
    #[error("path_depth, {0} parts of a path")]
    PathDepth(usize),
    /// [`Limits::path_bytes`]
    #[error("path_bytes, {0} bytes of a path")]
    PathBytes(usize),
    /// [`Limits::list_bytes`]
    #[error("list_bytes, {0} bytes of all paths of a tree")]
    ListBytes(usize),
    /// [`Limits::idle`]
    #[error("idle, {0:?} without a byte")]
    Idle(Duration),
    /// [`Limits::total`]
    #[error("total, {0:?} for one request")]
    Total(Duration),
}
