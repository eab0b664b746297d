//! A session: what host and plugin say to each other after the launch.

use std::collections::{BTreeMap, VecDeque};

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

/// What a source says outside the listings that it was asked for.
#[derive(Debug)]
pub(crate) enum Said {
    Batch(Vec<v1::Event>),
    Problem(String),
    /// One that nobody ordered.
    Listing(Box<Listing>),
    Drained,
}

/// A session with a plugin over one or more scopes.
pub(crate) struct Session {
    pub(crate) plugin: Plugin,
    to_source: mpsc::Sender<v1::HostMessage>,
    from_source: Streaming<v1::SourceMessage>,
    next_seq: u64,
    /// What came outside listings and was not yet taken.
    live: VecDeque<Said>,
    /// What the last heartbeat said.
    activity: Option<v1::heartbeat::State>,
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
            live: VecDeque::new(),
            activity: None,
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
            let message = self.message().await;
            if let Some(ended) = self.take(message, &mut watch) {
                return ended;
            }
        }
    }

    async fn message(&mut self) -> FromSource {
        let message = within("a message", self.from_source.message()).await;
        message.unwrap().expect("the stream goes on").message.unwrap()
    }

    /// Takes one message in; returns the listing that it ends.
    fn take(&mut self, message: FromSource, watch: &mut impl FnMut(&str)) -> Option<(String, Listing)> {
        match message {
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
                let Some((listing, digest)) = self.open.get_mut(&batch.scope) else {
                    assert_eq!(batch.generation, None);
                    self.live.push_back(Said::Batch(batch.events));
                    return None;
                };
                for event in &batch.events {
                    feed(digest, event);
                    watch(&line(event));
                }
                listing.events.extend(batch.events);
            }
            FromSource::Problem(problem) => {
                let text = format!("{}: {}", code(&problem), problem.message);
                match self.open.get_mut(&problem.scope) {
                    Some((listing, _)) => listing.problems.push(text),
                    None => self.live.push_back(Said::Problem(text)),
                }
            }
            FromSource::SnapshotEnd(end) => {
                let (mut listing, digest) = self.open.remove(&end.scope).expect("a listing is open");
                assert_eq!(end.counts, Some(digest.counts()));
                assert_eq!(end.digest, digest.finish().to_vec());
                let scope = end.scope.clone();
                listing.end = Some(end);
                return Some((scope, listing));
            }
            FromSource::Heartbeat(beat) => self.activity = Some(beat.state()),
            FromSource::Live(_) | FromSource::Progress(_) | FromSource::Log(_) => {}
            FromSource::Drained(_) => self.live.push_back(Said::Drained),
            other @ (FromSource::KindInfo(_)
            | FromSource::ScopeGone(_)
            | FromSource::Redact(_)
            | FromSource::Metric(_)) => panic!("unexpected: {other:?}"),
        }
        None
    }

    /// Returns what the source says next outside listings, or a listing that it began by itself.
    pub(crate) async fn said(&mut self) -> Said {
        loop {
            if let Some(said) = self.live.pop_front() {
                return said;
            }
            let message = self.message().await;
            if let Some((_, listing)) = self.take(message, &mut |_| ()) {
                return Said::Listing(Box::new(listing));
            }
        }
    }

    /// Waits until the source says that it waits.
    pub(crate) async fn until_waiting(&mut self) {
        self.activity = None;
        while self.activity != Some(v1::heartbeat::State::Waiting) {
            let message = self.message().await;
            assert!(self.take(message, &mut |_| ()).is_none(), "a listing nobody waits for");
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

    /// Asks the plugin to stop, and waits until it has said everything.
    pub(crate) async fn stop(mut self) {
        let request = v1::StopRequest { deadline_ms: 5_000 };
        within("stop", self.plugin.client.stop(request)).await.unwrap();
        while !matches!(self.said().await, Said::Drained) {}
        self.close().await;
    }

    /// Ends the session and the plugin, which has to exit by itself.
    pub(crate) async fn close(mut self) {
        drop(self.to_source);
        drop(self.from_source);
        drop(self.plugin.child.stdin.take());
        within("exit", self.plugin.child.wait()).await.unwrap();
    }
}
