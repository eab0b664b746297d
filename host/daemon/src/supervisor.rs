//! Starts one actor for each source, and ends them. The only place that starts tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use k1s_store::StoreError;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::message::Mode;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::SourceSettings;
use crate::source::{Actor, Ending, Host, Notice, Order};

/// Notices that may wait to be shown; sources wait when there are more.
const NOTICES: usize = 256;
/// Orders that may wait for one source.
const ORDERS: usize = 8;

/// The running sources.
pub(crate) struct Supervisor {
    actors: JoinSet<(SourceName, Result<Ending, StoreError>)>,
    orders: BTreeMap<SourceName, mpsc::Sender<Order>>,
    notices: mpsc::Receiver<Notice>,
}

/// Something that happened under the supervisor.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A source says something.
    Notice(Notice),
    /// A source ended.
    Ended(SourceName, Result<Ending, StoreError>),
    /// A source's task died; a fault of the host.
    Died(tokio::task::JoinError),
    /// Every source has ended, and everything they said was told.
    AllEnded,
}

impl Supervisor {
    /// Starts every source.
    pub(crate) fn start(host: &Host, sources: Vec<SourceSettings>, mode: Mode) -> Self {
        let (sender, notices) = mpsc::channel(NOTICES);
        let (mut actors, mut orders) = (JoinSet::new(), BTreeMap::new());
        for settings in sources {
            let name = settings.name.clone();
            let (order, inbox) = mpsc::channel(ORDERS);
            let actor = Actor {
                host: host.clone(),
                settings,
                mode,
                orders: inbox,
                notices: sender.clone(),
            };
            orders.insert(name.clone(), order);
            actors.spawn(async move { (name, actor.run().await) });
        }
        Self {
            actors,
            orders,
            notices,
        }
    }

    /// Waits for the next thing to happen. What a source said comes before its end.
    pub(crate) async fn next(&mut self) -> Happening {
        tokio::select! {
            biased;
            Some(notice) = self.notices.recv() => Happening::Notice(notice),
            ended = self.actors.join_next() => match ended {
                Some(Ok((name, ending))) => {
                    self.orders.remove(&name);
                    Happening::Ended(name, ending)
                }
                Some(Err(error)) => Happening::Died(error),
                None => self.notices.try_recv().map_or(Happening::AllEnded, Happening::Notice),
            },
        }
    }

    /// Tells every source to finish within a time.
    pub(crate) fn stop(&self, within: Duration) {
        for order in self.orders.values() {
            if order.try_send(Order::Stop(within)).is_err() {
                tracing::debug!("a source was told to stop before, or is gone");
            }
        }
    }
}
