//! What an object was before a change: for who tells what a change means to a selection.

use k1s_object::Key;
use k1s_sync_engine::id::Revision;

use super::{Reader, Version, last_version, owned_as_of, version};
use crate::error::StoreError;
use crate::meta;
use crate::row;

impl Reader {
    /// The last version of an object before a revision, whatever it says; `None` when there was none, or when it may have
    /// been dropped, which is never so within the watch window. It costs a step for each older version that is kept.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn version_before(&self, key: &Key, revision: Revision) -> Result<Option<Version>, StoreError> {
        let tables = self.engine.read()?;
        if revision <= meta::listable(&*tables)? {
            return Ok(None);
        }
        let before = Revision::new(revision.get().saturating_sub(1));
        let Some(revision) = last_version(&*tables, key.encode(), before)? else {
            return Ok(None);
        };
        let bytes = version(&*tables, revision)?;
        let (head, body) = row::decode_head(&bytes)?;
        Ok(Some(Version {
            revision,
            owned: owned_as_of(&*tables, revision, &head)?,
            head,
            body: body.to_vec(),
        }))
    }
}
