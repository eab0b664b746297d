//! Starts one actor for each source, and ends them. The only place that starts tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use k1s_store::StoreError;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::message::Mode;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::SourceSettings;
use crate::source::{Actor, Ending, Host, Inbox, Notice, Order};

/// Notices that may wait to be shown; sources wait when there are more.
const NOTICES: usize = 256;
/// Orders that may wait for one source.
const ORDERS: usize = 8;

/// The running sources.
pub(crate) struct Supervisor {
    actors: JoinSet<(SourceName, Result<Ending, StoreError>)>,
    orders: BTreeMap<SourceName, mpsc::Sender<Order>>,
    stop: watch::Sender<Option<Duration>>,
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
        let (stop, stopping) = watch::channel(None);
        let (mut actors, mut orders) = (JoinSet::new(), BTreeMap::new());
        for settings in sources {
            let name = settings.name.clone();
            let (order, inbox) = mpsc::channel(ORDERS);
            let inbox = Inbox {
                orders: inbox,
                stop: stopping.clone(),
            };
            let actor = Actor::new(host.clone(), settings, mode, sender.clone(), inbox);
            orders.insert(name.clone(), order);
            actors.spawn(async move { (name, actor.run().await) });
        }
        Self {
            actors,
            orders,
            stop,
            notices,
        }
    }

    /// Waits for the next thing to happen. What a source said comes before its end.
    pub(crate) async fn next(&mut self) -> Happening {
        tokio::select! {
            biased;
            Some(notice) = self.notices.recv() => Happening::Notice(notice),
            ended = self.actors.join_next() => match ended {
                Some(Ok((name, ending))) => Happening::Ended(name, ending),
                Some(Err(error)) => Happening::Died(error),
                None => self.notices.try_recv().map_or(Happening::AllEnded, Happening::Notice),
            },
        }
    }

    /// Where orders for each source go.
    pub(crate) fn orders(&self) -> BTreeMap<SourceName, mpsc::Sender<Order>> {
        self.orders.clone()
    }

    /// Tells every source to finish within a time.
    pub(crate) fn stop(&self, within: Duration) {
        self.stop.send_replace(Some(within));
    }
}
