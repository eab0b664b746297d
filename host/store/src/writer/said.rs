//! What a source says of an object, as the index of its scope remembers it.

use k1s_object::ContentHash;
use k1s_sync_engine::inventory::Word;
use k1s_sync_engine::policy::SourcePolicy;

use crate::row::InventoryView;
use crate::seed::Seed;
use crate::writer::application::Declaration;

/// What a source says of an object, and all that decides what it means.
#[derive(Clone, Copy, Hash)]
pub(crate) struct Said<'s> {
    always: Always<'s>,
    /// Absent where the source left the object out, for it has not changed.
    sent: Option<Sent<'s>>,
}

/// What a source says with an object and without.
#[derive(Clone, Copy, Hash)]
struct Always<'s> {
    declared_namespace: &'s str,
    source_version: &'s str,
    source_type: &'s str,
    transform: u64,
    selection: u64,
}

/// What comes with an object.
#[derive(Clone, Copy, Hash)]
struct Sent<'s> {
    content_hash: ContentHash,
    uri: &'s str,
    path: &'s str,
    revision: &'s str,
    place: [u32; 3],
}

impl<'s> Said<'s> {
    /// What a row says that is as its source left it.
    pub(crate) fn of_row(row: &InventoryView<'s>) -> Self {
        Self {
            always: Always {
                declared_namespace: row.declared_namespace,
                source_version: row.source_version,
                source_type: row.source_type,
                transform: row.transform,
                selection: row.selection,
            },
            sent: Some(Sent {
                content_hash: row.content_hash,
                uri: row.uri,
                path: row.path,
                revision: row.origin_revision,
                place: [row.document, row.line, row.column],
            }),
        }
    }

    /// What a source says with an object.
    pub(crate) fn sent(declaration: &'s Declaration, transform: u64, policy: &'s SourcePolicy) -> Self {
        let place = &declaration.provenance;
        Self {
            always: Always {
                declared_namespace: &declaration.key.namespace,
                source_version: declaration.source_version.as_str(),
                source_type: &policy.source_type,
                transform,
                selection: policy.selection,
            },
            sent: Some(Sent {
                content_hash: declaration.content_hash,
                uri: &place.uri,
                path: &place.path,
                revision: &place.revision,
                place: [place.document, place.line, place.column],
            }),
        }
    }

    /// The same, said without the object.
    pub(crate) fn seen(self) -> Self {
        Self { sent: None, ..self }
    }

    /// Both forms of it, as a scope's index knows them.
    pub(crate) fn words(self, seed: Seed) -> [Word; 2] {
        Word::forms(&self.always, [self.sent, None], seed.get())
    }
}
