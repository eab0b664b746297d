//! The host's first words of a session: how it begins, what the host holds, where to go on.
//!
//! What the host holds is read once: what the writer's index is to know of it is gathered while the source is told, and
//! handed over before the source may say anything.

use std::collections::{BTreeMap, BTreeSet};

use k1s_source_proto::limits::KNOWN_ENTRIES;
use k1s_source_proto::v1;
use k1s_store::reader::KnownPage;
use k1s_store::writer::{Knowledge, Opening, ScopeRows};
use k1s_store::{Reader, StoreError, Writer};
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::message::{HostMessage, Mode, More};
use k1s_sync_engine::session::Capability;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::transport::host_message;

/// What the opening says, apart from the inventory.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mode: Mode,
    /// Scopes that go on from a token.
    pub(super) resumed: BTreeSet<ScopeId>,
}

/// Decides how to begin: from tokens, if there are any and the source can.
pub(super) fn plan(opening: &Opening, capabilities: &BTreeSet<Capability>, wanted: Mode) -> Plan {
    let tokens = opening.scopes.iter().filter(|(_, stored)| stored.token.is_some());
    let resumed: BTreeSet<ScopeId> = tokens.map(|(scope, _)| scope.clone()).collect();
    let resumes = wanted == Mode::Full && capabilities.contains(&Capability::Resume) && !resumed.is_empty();
    if resumes {
        Plan {
            mode: Mode::Resume,
            resumed,
        }
    } else {
        Plan {
            mode: wanted,
            resumed: BTreeSet::new(),
        }
    }
}

/// Whom an opening is said to, and of what.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    pub(super) source: &'a SourceName,
    pub(super) opening: &'a Opening,
    pub(super) capabilities: &'a BTreeSet<Capability>,
    pub(super) reader: &'a Reader,
    pub(super) writer: &'a Writer,
    pub(super) stream: &'a mpsc::Sender<v1::HostMessage>,
}

impl Telling<'_> {
    /// Sends the opening, and sees to it that what the source owns is indexed; waits where the plugin reads slowly.
    pub(super) async fn send(&self, plan: &Plan) -> Result<(), StoreError> {
        self.tell(HostMessage::Begin(plan.mode)).await;
        let is_told = self.capabilities.contains(&Capability::NeedsKnown);
        let mut scopes = self.opening.scopes.values();
        let is_read = is_told && scopes.any(|stored| stored.knowledge == Knowledge::Current);
        if !is_read {
            // While the source lists.
            self.index(BTreeMap::new()).await?;
        }
        if is_told {
            let rows_by_scope = self.tell_known().await?;
            if is_read {
                self.index(rows_by_scope).await?;
            }
        }
        for (scope, stored) in &self.opening.scopes {
            if let Some(token) = stored.token.clone().filter(|_| plan.resumed.contains(scope)) {
                let scope = scope.clone();
                self.tell(HostMessage::Resume { scope, token }).await;
            }
        }
        self.tell(HostMessage::Ready).await;
        Ok(())
    }

    /// Tells what the host holds, and returns what was read on the way for the indexes.
    async fn tell_known(&self) -> Result<BTreeMap<ScopeId, ScopeRows>, StoreError> {
        let mut rows_by_scope = BTreeMap::new();
        for (scope, stored) in &self.opening.scopes {
            match stored.knowledge {
                Knowledge::Current => {
                    let rows = self.tell_held(scope).await?;
                    rows_by_scope.extend(rows.map(|rows| (scope.clone(), rows)));
                }
                // Everything has to be declared anew; the scope is named all the same, so that the source can say that it is
                // gone.
                Knowledge::Outdated => {
                    let nothing = HostMessage::Known {
                        scope: scope.clone(),
                        objects: Vec::new(),
                        more: More::Last,
                    };
                    self.tell(nothing).await;
                }
            }
        }
        Ok(rows_by_scope)
    }

    /// Tells what the host holds of a scope in pages, each read when there is room for it, where waiting for a disk or for
    /// the plugin holds up nobody.
    async fn tell_held(&self, scope: &ScopeId) -> Result<Option<ScopeRows>, StoreError> {
        let mut scan = self.reader.known(self.source, scope);
        if self.opening.due.is_some() {
            scan = scan.gathering_rows();
        }
        let (scope, stream) = (scope.clone(), self.stream.clone());
        let telling = spawn_blocking(move || {
            loop {
                let KnownPage { objects, more } = scan.page(KNOWN_ENTRIES)?;
                let scope = scope.clone();
                let known = host_message(HostMessage::Known { scope, objects, more });
                if stream.blocking_send(known).is_err() || more == More::Last {
                    return Ok(scan.into_rows());
                }
            }
        });
        // It is given up only where the host is.
        telling.await.map_err(|_| StoreError::Closed)?
    }

    async fn index(&self, rows_by_scope: BTreeMap<ScopeId, ScopeRows>) -> Result<(), StoreError> {
        match self.opening.due {
            Some(due) => self.writer.index(self.source.clone(), due, rows_by_scope).await,
            None => Ok(()),
        }
    }

    /// A stream that has ended is noticed by whoever reads it.
    async fn tell(&self, message: HostMessage) {
        drop(self.stream.send(host_message(message)).await);
    }
}
