//! The field `limits` of a configuration.

use k1s_getter_archive::Limits as ArchiveLimits;
use k1s_source::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest download unless configured otherwise, in bytes: 256 MiB.
const DEFAULT_DOWNLOAD_BYTES: u64 = 256 << 20;

/// How much is taken of an origin.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(inline)]
pub(super) struct Limits {
    /// Bytes that are downloaded.
    #[schemars(range(min = 1), extend("x-k1s-effect" = "tuning"))]
    pub(super) download_bytes: u64,
    /// Bytes of all files, once they are unpacked.
    #[schemars(range(min = 1), extend("x-k1s-effect" = "tuning"))]
    total_bytes: u64,
    /// Files and directories.
    #[schemars(range(min = 1), extend("x-k1s-effect" = "tuning"))]
    entries: u64,
    /// Bytes that one byte of an archive may become.
    #[schemars(range(min = 1), extend("x-k1s-effect" = "tuning"))]
    ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let ArchiveLimits {
            total_bytes,
            entries,
            ratio,
            ..
        } = ArchiveLimits::default();
        Self {
            download_bytes: DEFAULT_DOWNLOAD_BYTES,
            total_bytes,
            entries,
            ratio,
        }
    }
}

/// How much is taken of an origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes that are downloaded, or copied of a file.
    pub(crate) download_bytes: u64,
    /// What is unpacked.
    pub(crate) archive: ArchiveLimits,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            download_bytes: DEFAULT_DOWNLOAD_BYTES,
            archive: ArchiveLimits::default(),
        }
    }
}

impl Limits {
    /// Says what is wrong with them.
    pub(super) fn faults(&self) -> Vec<Diagnostic> {
        let Self {
            download_bytes,
            total_bytes,
            entries,
            ratio,
        } = self;
        let fields = [
            ("downloadBytes", download_bytes),
            ("totalBytes", total_bytes),
            ("entries", entries),
            ("ratio", ratio),
        ];
        let none = fields.into_iter().filter(|(_, value)| **value == 0);
        none.map(|(field, _)| Diagnostic::error(format!("/limits/{field}"), "0 would let nothing through"))
            .collect()
    }

    /// Returns how much is taken.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            download_bytes: self.download_bytes,
            archive: ArchiveLimits {
                total_bytes: self.total_bytes,
                file_bytes: ArchiveLimits::default().file_bytes.min(self.total_bytes),
                entries: self.entries,
                ratio: self.ratio,
                ..ArchiveLimits::default()
            },
        }
    }
}
