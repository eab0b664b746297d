//! What readers are told when a transaction is durable: the kinds known now, then the revision reached.
//!
//! In this order, so that whoever saw a revision finds the kinds that came with it.

use k1s_sync_engine::id::Revision;
use tokio::sync::watch;

use crate::kinds::KindTable;

/// The end of the writer.
pub(crate) struct Publisher {
    kinds: watch::Sender<KindTable>,
    revision: watch::Sender<Revision>,
}

/// The end of readers.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    kinds: watch::Receiver<KindTable>,
    pub(crate) revision: watch::Receiver<Revision>,
}

impl Published {
    /// The kinds known now.
    pub(crate) fn kinds(&self) -> KindTable {
        self.kinds.borrow().clone()
    }
}

impl Publisher {
    pub(crate) fn new(kinds: KindTable, revision: Revision) -> (Self, Published) {
        let (kinds, told_kinds) = watch::channel(kinds);
        let (revision, told_revision) = watch::channel(revision);
        let published = Published {
            kinds: told_kinds,
            revision: told_revision,
        };
        (Self { kinds, revision }, published)
    }

    /// The revision published last.
    pub(crate) fn reached(&self) -> Revision {
        *self.revision.borrow()
    }

    /// Tells what is news.
    pub(crate) fn publish(&self, kinds: &KindTable, reached: Revision) {
        self.kinds.send_if_modified(|published| {
            let is_news = !published.is_same(kinds);
            if is_news {
                *published = kinds.clone();
            }
            is_news
        });
        self.revision
            .send_if_modified(|published| std::mem::replace(published, reached) != reached);
    }
}
