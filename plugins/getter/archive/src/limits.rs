//! How much an archive may hold.

/// How much an archive may hold, and unpacking it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that are unpacked, headers included.
    pub total_bytes: u64,
    /// The most bytes of one file.
    pub file_bytes: u64,
    /// The most entries, directories included.
    pub entries: u64,
    /// The most bytes that one packed byte may become, once there are more than [`RATIO_GRACE`] of them.
    pub ratio: u64,
    /// The most parts of a path.
    pub depth: usize,
    /// The most bytes that are read to find what a zip holds: its directory, which is kept in memory several times as large.
    pub directory_bytes: u64,
    /// The most memory of a decoder, in bytes: dictionaries and windows.
    pub decoder_bytes: u64,
}

/// The unpacked bytes below which the ratio does not matter: small files of one repeated line are no attack.
pub const RATIO_GRACE: u64 = 8 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            total_bytes: 1 << 30,
            file_bytes: 256 << 20,
            entries: 100_000,
            ratio: 250,
            depth: 64,
            directory_bytes: 32 << 20,
            // What zstd calls window log 27, the most that its own program takes without being asked.
            decoder_bytes: 128 << 20,
        }
    }
}

/// The name of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// [`Limits::total_bytes`]
    #[error("total_bytes, {0} bytes unpacked")]
    TotalBytes(u64),
    /// [`Limits::file_bytes`]
    #[error("file_bytes, {0} bytes of one file")]
    FileBytes(u64),
    /// [`Limits::entries`]
    #[error("entries, {0}")]
    Entries(u64),
    /// [`Limits::ratio`]
    #[error("ratio, {0} bytes unpacked of one that is packed")]
    Ratio(u64),
    /// [`Limits::depth`]
    #[error("depth, {0} parts of a path")]
    Depth(usize),
    /// [`Limits::directory_bytes`]
    #[error("directory_bytes, {0} bytes of a zip's directory")]
    DirectoryBytes(u64),
    /// [`Limits::decoder_bytes`]
    #[error("decoder_bytes, {0} bytes of a decoder's memory")]
    DecoderBytes(u64),
    /// The bytes of all paths together, which are kept while an archive is read.
    #[error("{0} bytes of paths")]
    PathBytes(usize),
    /// The bytes of one extended header, which are kept while it is read.
    #[error("{0} bytes of an extended header")]
    HeaderBytes(u64),
}
