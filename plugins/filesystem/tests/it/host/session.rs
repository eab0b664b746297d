//! A session: what host and plugin say to each other after the launch.

use std::collections::BTreeMap;

use k1s_source_proto::SnapshotDigest;
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::source_message::Message as FromSource;
use k1s_source_proto::v1::{self, SyncRequest, sync_request};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::inventory::Inventory;
use super::listing::{Listing, code, feed, line};
use super::plugin::{Plugin, User, within};

/// A session with a plugin over one or more scopes.
pub(crate) struct Session {
    pub(crate) plugin: Plugin,
    to_source: mpsc::Sender<v1::HostMessage>,
    from_source: Streaming<v1::SourceMessage>,
    next_seq: u64,
    /// Listings that have begun.
    open: BTreeMap<String, (Listing, SnapshotDigest)>,
}

impl Session {
    /// Launches the plugin and opens a session in which the host holds `inventories`.
    pub(crate) async fn open(config: Value, inventories: &[(&str, &Inventory)], user: User) -> Self {
        let mut plugin = Plugin::launch(user).await;
        assert_eq!(plugin.initialize(&config).await, [""; 0]);
        let (to_source, messages) = mpsc::channel(16);
        let begin = v1::Begin {
            mode: v1::begin::Mode::Full.into(),
            ..Default::default()
        };
        let mut session_messages = vec![ToSource::Begin(begin)];
        for (scope, inventory) in inventories {
            session_messages.extend(inventory.known(scope).into_iter().map(ToSource::Known));
        }
        session_messages.push(ToSource::Ready(v1::Ready {}));
        let starting = plugin.client.start(ReceiverStream::new(messages));
        let sending = async {
            for message in session_messages {
                to_source
                    .send(v1::HostMessage { message: Some(message) })
                    .await
                    .unwrap();
            }
        };
        let (started, ()) = within("start", async { tokio::join!(starting, sending) }).await;
        let from_source = started.unwrap().into_inner();
        Self {
            plugin,
            to_source,
            from_source,
            next_seq: 1,
            open: BTreeMap::new(),
        }
    }

    /// Returns the next listing that ends, of whatever scope, with its scope.
    pub(crate) async fn listing(&mut self) -> (String, Listing) {
        self.listing_watched(|_| ()).await
    }

    /// Does the same, and shows each event to `watch` when it arrives.
    pub(crate) async fn listing_watched(&mut self, mut watch: impl FnMut(&str)) -> (String, Listing) {
        loop {
            let message = within("a message", self.from_source.message())
                .await
                .unwrap()
                .expect("the stream goes on");
            match message.message.unwrap() {
                FromSource::SnapshotBegin(begin) => {
                    let listing = Listing {
                        root_identity: begin.root_identity,
                        ..Listing::default()
                    };
                    self.open.insert(begin.scope, (listing, SnapshotDigest::new()));
                }
                FromSource::Batch(batch) => {
                    assert_eq!(batch.seq, self.next_seq);
                    self.next_seq += 1;
                    let (listing, digest) = self.open.get_mut(&batch.scope).expect("a listing is open");
                    for event in &batch.events {
                        feed(digest, event);
                        watch(&line(event));
                    }
                    listing.events.extend(batch.events);
                }
                FromSource::Problem(problem) => {
                    let text = format!("{}: {}", code(&problem), problem.message);
                    self.open
                        .get_mut(&problem.scope)
                        .expect("a listing is open")
                        .0
                        .problems
                        .push(text);
                }
                FromSource::SnapshotEnd(end) => {
                    let (mut listing, digest) = self.open.remove(&end.scope).expect("a listing is open");
                    assert_eq!(end.counts, Some(digest.counts()));
                    assert_eq!(end.digest, digest.finish().to_vec());
                    let scope = end.scope.clone();
                    listing.end = Some(end);
                    return (scope, listing);
                }
                FromSource::Progress(_) | FromSource::Heartbeat(_) | FromSource::Log(_) => {}
                other @ (FromSource::KindInfo(_)
                | FromSource::ScopeGone(_)
                | FromSource::Live(_)
                | FromSource::Redact(_)
                | FromSource::Metric(_)
                | FromSource::Drained(_)) => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// Orders a listing and returns it.
    pub(crate) async fn sync(&mut self, scope: &str, reason: sync_request::Reason) -> Listing {
        self.order(scope, reason).await;
        self.listing().await.1
    }

    /// Orders a listing.
    pub(crate) async fn order(&mut self, scope: &str, reason: sync_request::Reason) {
        let request = SyncRequest {
            scope: scope.to_owned(),
            reason: reason.into(),
        };
        within("sync", self.plugin.client.sync(request)).await.unwrap();
    }

    /// Ends the session and the plugin, which has to exit by itself.
    pub(crate) async fn close(mut self) {
        drop(self.to_source);
        drop(self.from_source);
        drop(self.plugin.child.stdin.take());
        within("exit", self.plugin.child.wait()).await.unwrap();
    }
}
