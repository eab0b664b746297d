//! What readers are told when a transaction is durable: the kinds known now, then the revision reached.
//!
//! In this order, so that whoever saw a revision finds the kinds that came with it. And, when nothing can be made durable,
//! why: before those hear of it whose work is lost.

use std::sync::Arc;

use k1s_object::Timestamp;
use k1s_sync_engine::id::Revision;
use tokio::sync::watch;

use crate::engine::EngineError;
use crate::health::{Health, Outage};
use crate::kinds::KindTable;

/// The end of the writer.
pub(crate) struct Publisher {
    kinds: watch::Sender<KindTable>,
    revision: watch::Sender<Revision>,
    health: watch::Sender<Health>,
}

/// The end of readers.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    kinds: watch::Receiver<KindTable>,
    pub(crate) revision: watch::Receiver<Revision>,
    pub(crate) health: watch::Receiver<Health>,
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
        let (health, told_health) = watch::channel(Health::default());
        let published = Published {
            kinds: told_kinds,
            revision: told_revision,
            health: told_health,
        };
        let publisher = Self {
            kinds,
            revision,
            health,
        };
        (publisher, published)
    }

    /// The revision published last.
    pub(crate) fn reached(&self) -> Revision {
        *self.revision.borrow()
    }

    /// What keeps anything from being stored.
    pub(crate) fn outage(&self) -> Option<Outage> {
        self.health.borrow().outage.clone()
    }

    /// Tells that something could not be stored.
    pub(crate) fn lose(&self, reason: &Arc<EngineError>, now: Timestamp) {
        self.health.send_modify(|health| health.lose(reason, now));
    }

    /// Tells that something was stored.
    pub(crate) fn regain(&self) {
        self.health.send_if_modified(|health| health.outage.take().is_some());
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
