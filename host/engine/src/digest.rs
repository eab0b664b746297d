//! The digest of a listing: what host and source compare before absence may mean anything.
//!
//! Incremental and of constant size; the layout is the one given at `SnapshotEnd.digest` in `source.proto`, bound by
//! `proto/fixtures/digest.json`.

use k1s_object::DeclaredKey;
use sha2::{Digest as _, Sha256};

use crate::event::{Change, Event};
use crate::message::Counts;

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

    /// Adds one event; of an upsert it takes the hash that came with it, which the caller has compared with the bytes.
    pub fn add(&mut self, event: &Event) {
        let (counter, outcome, proof): (_, _, &[u8]) = match &event.change {
            Change::Upsert { content_hash, .. } => (&mut self.counts.upserts, UPSERT, content_hash.as_bytes()),
            Change::Delete { .. } => (&mut self.counts.deletes, DELETE, &[]),
            Change::Seen { .. } => (&mut self.counts.seen, SEEN, event.source_version.as_str().as_bytes()),
            Change::Ignored { .. } => (&mut self.counts.ignored, IGNORED, &[]),
            Change::Failed { .. } => (&mut self.counts.failed, FAILED, &[]),
        };
        *counter += 1;
        self.portion.push(outcome);
        for part in event.change.key().map_or([""; 4], parts) {
            self.part(part.as_bytes());
        }
        self.part(proof);
        if self.portion.len() >= PORTION_BYTES {
            self.hash.update(&self.portion);
            self.portion.clear();
        }
    }

    /// How many events of each outcome were added.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The SHA-256 over everything added.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.hash.chain_update(&self.portion).finalize().into()
    }

    /// A part longer than 4 GiB cannot arrive: the transport bounds every message far below.
    fn part(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.portion.extend_from_slice(&length.to_be_bytes());
        self.portion.extend_from_slice(bytes);
    }
}

fn parts(key: &DeclaredKey) -> [&str; 4] {
    [&key.group_kind.group, &key.group_kind.kind, &key.namespace, &key.name]
}
