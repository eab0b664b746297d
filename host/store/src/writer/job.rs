//! What can be asked of the writer.

use k1s_sync_engine::event::Change;
use k1s_sync_engine::id::{Epoch, SourceName};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::{Receipt, Work};
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::writer::{Edit, Edited, Opening};

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One request and where its answer goes.
#[derive(Debug)]
pub(crate) enum Job {
    Raise {
        source: SourceName,
        reply: Reply<Epoch>,
    },
    Open {
        source: SourceName,
        epoch: Epoch,
        policy: SourcePolicy,
        reply: Reply<Opening>,
    },
    Work {
        source: SourceName,
        epoch: Epoch,
        work: Work,
        reply: Reply<Receipt>,
    },
    Close {
        source: SourceName,
        epoch: Epoch,
        reply: Reply<()>,
    },
    Edit {
        edit: Edit,
        reply: Reply<Edited>,
    },
}

impl Job {
    /// Bytes it brings into a transaction, roughly.
    pub(crate) fn size(&self) -> usize {
        const FLAT: usize = 4096;
        match self {
            Self::Work {
                work: Work::Apply(batch),
                ..
            } => batch
                .events
                .iter()
                .map(|event| match &event.change {
                    Change::Upsert { object, .. } => 2 * object.len(),
                    Change::Delete { .. } | Change::Seen { .. } | Change::Ignored { .. } | Change::Failed { .. } => 64,
                })
                .sum::<usize>(),
            Self::Raise { .. } | Self::Open { .. } | Self::Work { .. } | Self::Close { .. } | Self::Edit { .. } => FLAT,
        }
    }
}
