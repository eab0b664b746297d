//! The rows of the tables: what is remembered, and how it becomes bytes.
//!
//! Rows are encoded with postcard; a version's body follows its head as it is, so that serving an object copies nothing
//! but the body. A change of any row here is a new file format.

use k1s_object::{ContentHash, DeclaredKey, Key, Timestamp};
use k1s_sync_engine::event::Provenance;
use k1s_sync_engine::id::{Epoch, Revision, ScopeId, SourceName, SourceVersion, Token};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::{HeldPruneId, HoldReason};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::EngineError;
use crate::table::Table;

/// Identifies one life of an object: a key that is deleted and made again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uid([u8; 16]);

impl Uid {
    /// Draws a random one (UUID version 4).
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4().into_bytes())
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Uuid::from_bytes(self.0).fmt(f)
    }
}

/// The source, and the scope of it, that owns an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// The source.
    pub source: SourceName,
    /// Its scope.
    pub scope: ScopeId,
}

/// What an object is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentRow {
    /// Who owns the key, whether or not the object is there.
    pub owner: Option<Owner>,
    /// The object; `None` when it was deleted locally and its owner still remembers it.
    pub live: Option<Live>,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Its last version.
    pub revision: Revision,
    /// Its identity.
    pub uid: Uid,
    /// Raised by each change outside metadata and status.
    pub generation: u64,
    /// When this life began.
    pub created: Timestamp,
    /// SHA-256 of its body.
    pub hash: ContentHash,
    /// How it came to be.
    pub origin: Origin,
}

/// How an object came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Someone wrote it.
    Written,
    /// The host made it so that objects had a namespace.
    HostMade,
}

/// Who wrote a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    /// A source.
    Source(SourceName),
    /// A user of the store.
    Local(Box<str>),
    /// The host itself.
    Host,
}

/// The head of a version; the body follows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionHead {
    /// The object.
    pub key: Key,
    /// Its identity.
    pub uid: Uid,
    /// As of this version.
    pub generation: u64,
    /// When this life of the object began.
    pub created: Timestamp,
    /// When this version was written.
    pub written: Timestamp,
    /// Whether the object is there as of this version.
    pub state: VersionState,
    /// Who wrote it.
    pub author: Author,
    /// Where the source read it.
    pub provenance: Option<Provenance>,
}

/// Whether an object is there as of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersionState {
    /// It was made by this version.
    Created,
    /// It was changed by this version.
    Updated,
    /// It is gone; the body is its last state.
    Deleted,
}

/// What a source owns, and what it last declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryRow {
    /// The namespace as declared.
    pub declared_namespace: Box<str>,
    /// SHA-256 of the bytes the source sent.
    pub content_hash: ContentHash,
    /// SHA-256 of the canonical declaration: B.
    pub base_hash: ContentHash,
    /// Where B's document is.
    pub base: BaseAt,
    /// The declaration's `apiVersion`.
    pub api_version: Box<str>,
    /// The version this source's last write left: A.
    pub applied: Applied,
    /// The source's word for the state it declared.
    pub source_version: SourceVersion,
    /// The kind of place the source reads, in its plugin's word.
    pub source_type: Box<str>,
    /// Where the source read it.
    pub provenance: Provenance,
    /// Fingerprint of what turned the declaration into the object.
    pub transform: u64,
    /// Fingerprint of the selection under which it was claimed.
    pub selection: u64,
    /// Whether the source still owns it.
    pub standing: Standing,
    /// Whether anybody else wrote the object since.
    pub mark: Mark,
    /// Real changes so far.
    pub generation: u64,
    /// The last real change.
    pub last_sync: Timestamp,
}

/// What an index and a source are told of a row: the same bytes, without a copy of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct InventoryView<'r> {
    pub(crate) declared_namespace: &'r str,
    pub(crate) content_hash: ContentHash,
    base_hash: ContentHash,
    base: BaseAt,
    api_version: &'r str,
    applied: Applied,
    pub(crate) source_version: &'r str,
    pub(crate) source_type: &'r str,
    pub(crate) uri: &'r str,
    pub(crate) path: &'r str,
    pub(crate) origin_revision: &'r str,
    pub(crate) document: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) transform: u64,
    pub(crate) selection: u64,
    pub(crate) standing: Standing,
    pub(crate) mark: Mark,
}

/// Where a base document is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseAt {
    /// It equals the stored object as of A.
    Applied,
    /// In the table of bases.
    Beside,
}

/// The version a source's write left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its revision.
    pub revision: Revision,
    /// The object's identity.
    pub uid: Uid,
}

/// Whether a source owns what a row speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It does.
    Owned,
    /// It did; the row only remembers the base for the day it declares the object again.
    Orphaned,
}

/// Whether an object is as its source left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// Nobody else wrote it.
    Clean,
    /// Somebody did: compare.
    Written,
}

/// A declaration the host could not apply yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRow {
    /// As declared.
    pub key: DeclaredKey,
    /// The bytes the source sent.
    pub object: Vec<u8>,
    /// Their SHA-256.
    pub content_hash: ContentHash,
    /// The source's word for this state.
    pub source_version: SourceVersion,
    /// Where the source read it.
    pub provenance: Provenance,
    /// Why it waits.
    pub code: ProblemCode,
    /// For a user.
    pub message: String,
    /// What it waits for.
    pub cause: Cause,
    /// How often it was tried.
    pub attempts: u32,
}

/// What a pending declaration waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cause {
    /// A definition of its kind.
    Kind(k1s_object::GroupKind),
    /// A namespace.
    Namespace(Box<str>),
    /// An object that is in the way, owned or not.
    Object(Key),
    /// Other content or configuration.
    Content,
}

/// A pruned object, as long as it can be brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TombstoneRow {
    /// The object.
    pub key: Key,
    /// The source that owned it.
    pub owner: Owner,
    /// The version that deleted it; its body is the last state.
    pub deleted: Revision,
    /// When.
    pub at: Timestamp,
    /// What the source had declared.
    pub inventory: InventoryRow,
    /// The base document, where it was kept beside the object.
    pub base: Option<Vec<u8>>,
    /// The prune it went with.
    pub prune: HeldPruneId,
}

/// A set of deletes that a guard holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRow {
    /// The hash of its list.
    pub id: HeldPruneId,
    /// Which guard.
    pub reason: HoldReason,
    /// How many rows.
    pub rows: u64,
    /// Since when this list is held.
    pub since: Timestamp,
}

/// What is remembered of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its last launch.
    pub epoch: Epoch,
    /// When that was.
    pub launched: Timestamp,
    /// When an object of it last changed because of it.
    pub changed: Option<Timestamp>,
    /// Who suspended it, while it is.
    pub suspended: Option<Suspended>,
}

/// A source that a person switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    /// Since when.
    pub since: Timestamp,
    /// By whom.
    pub user: Box<str>,
}

/// What the inventory and the positions of a source stand on: another program or another place makes them say less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroundRow {
    /// The name of the program, in its own word.
    pub program: Box<str>,
    /// The major version of its release.
    pub major: u64,
    /// Which place it reads.
    pub identity: GroundIdentity,
    /// What becomes of its objects when it is configured no longer.
    pub removal: Removal,
}

/// Which place a source reads, as its configuration says: compact JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroundIdentity {
    /// This one, and no other.
    Held(Box<str>),
    /// It was this one; a person let go of it, and the next is accepted.
    LetGo(Box<str>),
}

/// What becomes of the objects of a source that is configured no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removal {
    /// They stay, and belong to no source.
    Keep,
    /// They are deleted, inside this guard.
    Prune {
        /// Objects that may always go.
        min: u64,
        /// Percent of the peak that may go.
        percent: u8,
    },
}

/// What is remembered of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRow {
    /// Where to go on.
    pub token: Option<Token>,
    /// What the place said it is, when a listing of it was last whole.
    pub root_identity: Option<String>,
    /// Fingerprint of the selection the token belongs to.
    pub selection: u64,
}

/// Room for most rows and for the heads of versions, in bytes; a longer one takes more.
const USUAL_BYTES: usize = 512;

pub(crate) fn encode<T: Serialize>(table: Table, row: &T) -> Result<Vec<u8>, EngineError> {
    let room = Vec::with_capacity(USUAL_BYTES);
    postcard::to_extend(row, room).map_err(|error| undecodable(table, &error))
}

/// Writes a head with the body behind it.
pub(crate) fn encode_version(head: &VersionHead, body: &[u8]) -> Result<Vec<u8>, EngineError> {
    let room = Vec::with_capacity(USUAL_BYTES + body.len());
    let mut bytes = postcard::to_extend(head, room).map_err(|error| undecodable(Table::Versions, &error))?;
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// Reads what a row begins with, as far as [`InventoryView`] goes.
pub(crate) fn view(bytes: &[u8]) -> Result<InventoryView<'_>, EngineError> {
    let read = postcard::take_from_bytes(bytes).map_err(|error| undecodable(Table::Inventory, &error))?;
    let (view, _rest): (InventoryView<'_>, &[u8]) = read;
    Ok(view)
}

pub(crate) fn decode<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, EngineError> {
    postcard::from_bytes(bytes).map_err(|error| undecodable(table, &error))
}

/// Reads a head and leaves the body.
pub(crate) fn decode_head(bytes: &[u8]) -> Result<(VersionHead, &[u8]), EngineError> {
    postcard::take_from_bytes(bytes).map_err(|error| undecodable(Table::Versions, &error))
}

/// Leaves of a version its body, where it is.
pub(crate) fn body_of(mut version: Vec<u8>) -> Result<Vec<u8>, EngineError> {
    let (_, body) = decode_head(&version)?;
    let head = version.len() - body.len();
    version.drain(..head);
    Ok(version)
}

fn undecodable(table: Table, error: &postcard::Error) -> EngineError {
    EngineError::Row {
        table: table.name(),
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_a_version_is_what_follows_its_head() {
        let head = VersionHead {
            key: Key::new("apps", "Deployment", "shop", "a"),
            uid: Uid([1; 16]),
            generation: 2,
            created: Timestamp::from_millis(3),
            written: Timestamp::from_millis(4),
            state: VersionState::Updated,
            author: Author::Host,
            provenance: None,
        };
        for body in [&b"{}"[..], b""] {
            let bytes = encode_version(&head, body).expect("a row");
            assert_eq!(body_of(bytes).expect("a row"), body);
        }
        assert!(body_of(vec![0xff]).is_err());
    }

    #[test]
    fn a_view_shows_the_row_that_was_encoded() {
        let row = InventoryRow {
            declared_namespace: "shop".into(),
            content_hash: ContentHash::of(b"content"),
            base_hash: ContentHash::of(b"base"),
            base: BaseAt::Beside,
            api_version: "apps/v1".into(),
            applied: Applied {
                revision: Revision::new(70_000),
                uid: Uid::random(),
            },
            source_version: SourceVersion::new("version 1/2").expect("short"),
            source_type: "filesystem".into(),
            provenance: Provenance {
                uri: "file:///srv".into(),
                path: "a/b.yaml".into(),
                revision: "commit".into(),
                document: 1,
                line: 300,
                column: 3,
            },
            transform: u64::MAX,
            selection: 9,
            standing: Standing::Orphaned,
            mark: Mark::Written,
            generation: 4,
            last_sync: Timestamp::from_millis(5),
        };
        let bytes = encode(Table::Inventory, &row).expect("encodes");
        let expected = InventoryView {
            declared_namespace: "shop",
            content_hash: row.content_hash,
            base_hash: row.base_hash,
            base: row.base,
            api_version: "apps/v1",
            applied: row.applied,
            source_version: "version 1/2",
            source_type: "filesystem",
            uri: "file:///srv",
            path: "a/b.yaml",
            origin_revision: "commit",
            document: 1,
            line: 300,
            column: 3,
            transform: row.transform,
            selection: row.selection,
            standing: row.standing,
            mark: row.mark,
        };
        assert_eq!(view(&bytes).expect("decodes"), expected);
    }
}
