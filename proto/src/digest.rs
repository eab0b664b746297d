//! The digest of a snapshot: what host and source compare before absence may mean anything.
//!
//! Incremental and of constant size; the layout is the one given at `SnapshotEnd.digest` in `source.proto`.

use sha2::{Digest as _, Sha256};

use crate::v1::{Counts, Key};

/// What every digest begins with.
const PREFIX: &[u8] = b"k1s.source.v1/snapshot\0";

const UPSERT: u8 = 1;
const DELETE: u8 = 2;
const SEEN: u8 = 3;
const IGNORED: u8 = 4;
const FAILED: u8 = 5;

/// How much is collected before it is hashed: an event is made of many short parts.
const PORTION_BYTES: usize = 4 * 1024;

/// Digest and counts of one generation, fed with its events in the order sent.
#[derive(Clone, Debug)]
pub struct SnapshotDigest {
    hash: Sha256,
    /// What comes next in the hash.
    portion: Vec<u8>,
    counts: Counts,
}

impl Default for SnapshotDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl SnapshotDigest {
    /// Begins the digest of a generation without events.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hash: Sha256::new_with_prefix(PREFIX),
            portion: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Adds an `Upsert` of `key` whose object has the SHA-256 `content_hash`.
    pub fn upsert(&mut self, key: &Key, content_hash: &[u8; 32]) {
        self.counts.upserts += 1;
        self.add(UPSERT, Some(key), content_hash);
    }

    /// Adds a `Delete` of `key`.
    pub fn delete(&mut self, key: &Key) {
        self.counts.deletes += 1;
        self.add(DELETE, Some(key), &[]);
    }

    /// Adds a `Seen` of `key` at `source_version`.
    pub fn seen(&mut self, key: &Key, source_version: &str) {
        self.counts.seen += 1;
        self.add(SEEN, Some(key), source_version.as_bytes());
    }

    /// Adds an `Ignored`, with its key where it has one.
    pub fn ignored(&mut self, key: Option<&Key>) {
        self.counts.ignored += 1;
        self.add(IGNORED, key, &[]);
    }

    /// Adds a `Failed`, with its key where it has one.
    pub fn failed(&mut self, key: Option<&Key>) {
        self.counts.failed += 1;
        self.add(FAILED, key, &[]);
    }

    /// Returns how many events of each outcome were added.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the SHA-256 over everything added.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.hash.chain_update(&self.portion).finalize().into()
    }

    fn add(&mut self, outcome: u8, key: Option<&Key>, proof: &[u8]) {
        self.portion.push(outcome);
        let parts = key.map_or([""; 4], |key| [&key.group, &key.kind, &key.namespace, &key.name]);
        for part in parts {
            self.part(part.as_bytes());
        }
        self.part(proof);
        if self.portion.len() >= PORTION_BYTES {
            self.hash.update(&self.portion);
            self.portion.clear();
        }
    }

    /// A part longer than 4 GiB cannot arrive: messages are bounded by [`MESSAGE_BYTES`](crate::limits::MESSAGE_BYTES).
    fn part(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.portion.extend_from_slice(&length.to_be_bytes());
        self.portion.extend_from_slice(bytes);
    }
}
