//! The host's first words of a session: how it begins, what the host holds, where to go on.

use std::collections::BTreeSet;

use k1s_source_proto::limits::KNOWN_ENTRIES;
use k1s_source_proto::v1::host_message::Message;
use k1s_source_proto::{KnownObject, v1};
use k1s_store::reader::{KnownPosition, KnownRow};
use k1s_store::writer::{Knowledge, Opening};
use k1s_store::{Reader, StoreError};
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::message::{HostMessage, Mode};
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

/// Sends the opening; waits where the plugin reads slowly.
pub(super) async fn send(
    plan: &Plan,
    opening: &Opening,
    capabilities: &BTreeSet<Capability>,
    reader: &Reader,
    source: &SourceName,
    stream: &mpsc::Sender<v1::HostMessage>,
) -> Result<(), StoreError> {
    tell(stream, HostMessage::Begin(plan.mode)).await;
    let needs_known = capabilities.contains(&Capability::NeedsKnown);
    if needs_known || capabilities.contains(&Capability::MultiScope) {
        for (scope, stored) in &opening.scopes {
            let from = match stored.knowledge {
                Knowledge::Current if needs_known => Some(KnownPosition::default()),
                // Everything has to be declared anew, or the source does not need to know; the scope is named all the same,
                // so that the source can say that it is gone.
                Knowledge::Current | Knowledge::Outdated => None,
            };
            tell_known(stream, reader, source, scope, from).await?;
        }
    }
    for (scope, stored) in &opening.scopes {
        if let Some(token) = stored.token.clone().filter(|_| plan.resumed.contains(scope)) {
            tell(
                stream,
                HostMessage::Resume {
                    scope: scope.clone(),
                    token,
                },
            )
            .await;
        }
    }
    tell(stream, HostMessage::Ready).await;
    Ok(())
}

/// Sends the inventory of a scope in pages, each read when the one before is on its way; an empty one where nothing of it
/// is to be told.
async fn tell_known(
    stream: &mpsc::Sender<v1::HostMessage>,
    reader: &Reader,
    source: &SourceName,
    scope: &ScopeId,
    mut next: Option<KnownPosition>,
) -> Result<(), StoreError> {
    loop {
        let (objects, after) = match next {
            Some(from) => known(reader, source, scope, from).await?,
            None => (Vec::new(), None),
        };
        next = after;
        let known = Message::Known(v1::Known {
            scope: scope.as_str().to_owned(),
            objects,
            last: next.is_none(),
        });
        // A stream that has ended is noticed by whoever reads it.
        drop(stream.send(v1::HostMessage { message: Some(known) }).await);
        if next.is_none() {
            return Ok(());
        }
    }
}

/// Reads a page where waiting for a disk holds up nobody: neither the pages before, on their way, nor what they come to.
async fn known(
    reader: &Reader,
    source: &SourceName,
    scope: &ScopeId,
    from: KnownPosition,
) -> Result<(Vec<KnownObject>, Option<KnownPosition>), StoreError> {
    let (reader, source, scope) = (reader.clone(), source.clone(), scope.clone());
    let read = spawn_blocking(move || {
        let mut objects = Vec::with_capacity(KNOWN_ENTRIES);
        let mut take = |row: KnownRow<'_>| objects.push(KnownObject::new(row.key, row.source_version, row.path));
        let next = reader.known(&source, &scope, from, KNOWN_ENTRIES, &mut take)?;
        Ok((objects, next))
    });
    // It is given up only where the host is.
    read.await.map_err(|_| StoreError::Closed)?
}

/// A stream that has ended is noticed by whoever reads it.
async fn tell(stream: &mpsc::Sender<v1::HostMessage>, message: HostMessage) {
    drop(stream.send(host_message(message)).await);
}
