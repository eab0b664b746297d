//! Starts one actor for each source, tells each of its changes, and ends them. The only place that starts tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k1s_store::StoreError;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use k1s_sync_engine::message::Mode;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::{Amendment, SourceSettings};
use crate::source::{Actor, Ending, Host, Inbox, Notice, Order, Station, What};

/// Notices that may wait to be shown; sources wait when there are more.
const NOTICES: usize = 256;
/// Orders that may wait for one source.
const ORDERS: usize = 8;

/// The running sources.
pub(crate) struct Supervisor {
    host: Host,
    mode: Mode,
    actors: JoinSet<(SourceName, Result<Ending, StoreError>)>,
    seats: BTreeMap<SourceName, Seat>,
    notices: mpsc::Receiver<Notice>,
    speaker: mpsc::Sender<Notice>,
    /// Sources of which it is not known yet what they declare.
    unsettled: watch::Sender<BTreeSet<SourceName>>,
    business: Business,
    start: Start,
}

/// A source as the supervisor sees it.
struct Seat {
    orders: mpsc::Sender<Order>,
    station: watch::Sender<Station>,
    /// As it is to begin anew, should it have left before it heard that it is configured again.
    successor: Option<Arc<SourceSettings>>,
}

/// Whether sources may still begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Business {
    Open,
    Closing,
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
    /// Every source has said what it declares, or will not soon; happens once.
    Settled,
    /// Every source has ended, and everything they said was told.
    AllEnded,
}

/// How far the start of a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Begun,
    Settled,
}

impl Supervisor {
    /// Starts every source.
    pub(crate) fn start(host: Host, sources: &[Arc<SourceSettings>], mode: Mode) -> Self {
        let (speaker, notices) = mpsc::channel(NOTICES);
        let mut supervisor = Self {
            host,
            mode,
            actors: JoinSet::new(),
            seats: BTreeMap::new(),
            notices,
            speaker,
            unsettled: watch::channel(BTreeSet::new()).0,
            business: Business::Open,
            start: Start::Begun,
        };
        for settings in sources {
            supervisor.begin(Arc::clone(settings));
        }
        supervisor
    }

    /// Waits for the next thing to happen. What a source said comes before its end.
    pub(crate) async fn next(&mut self) -> Happening {
        if self.start == Start::Begun && self.business == Business::Open && self.unsettled.borrow().is_empty() {
            self.start = Start::Settled;
            return Happening::Settled;
        }
        let happening = tokio::select! {
            biased;
            Some(notice) = self.notices.recv() => Happening::Notice(notice),
            ended = self.actors.join_next() => match ended {
                Some(Ok((name, ending))) => Happening::Ended(name, ending),
                Some(Err(error)) => Happening::Died(error),
                None => self.notices.try_recv().map_or(Happening::AllEnded, Happening::Notice),
            },
        };
        match &happening {
            Happening::Notice(notice) if settles(&notice.what) => self.settle(&notice.source),
            Happening::Ended(name, ending) => self.ended(name, ending),
            Happening::Notice(_) | Happening::Died(_) | Happening::Settled | Happening::AllEnded => {}
        }
        happening
    }

    /// Where orders for each source go.
    pub(crate) fn orders(&self) -> BTreeMap<SourceName, mpsc::Sender<Order>> {
        let orders = self
            .seats
            .iter()
            .map(|(name, seat)| (name.clone(), seat.orders.clone()));
        orders.collect()
    }

    /// Tells sources what changed for them; of several changes the last counts.
    pub(crate) fn amend(&mut self, amendments: Vec<Amendment>) {
        if self.business == Business::Closing {
            return;
        }
        for amendment in amendments {
            match amendment {
                Amendment::Removed(name) => {
                    if let Some(seat) = self.seats.get_mut(&name) {
                        seat.successor = None;
                        seat.station.send_replace(Station::Leaving);
                    }
                    self.settle(&name);
                }
                Amendment::Changed(settings) | Amendment::Moved(settings) | Amendment::Added(settings) => {
                    self.configure(settings);
                }
            }
        }
    }

    /// Tells every source to finish within a time.
    pub(crate) fn stop(&mut self, within: Duration) {
        self.business = Business::Closing;
        for seat in self.seats.values() {
            seat.station.send_replace(Station::Stopping { within });
        }
    }

    fn configure(&mut self, settings: Arc<SourceSettings>) {
        match self.seats.get_mut(&settings.name) {
            Some(seat) => {
                seat.successor = Some(Arc::clone(&settings));
                seat.station.send_replace(Station::Configured(settings));
            }
            None => self.begin(settings),
        }
    }

    fn begin(&mut self, settings: Arc<SourceSettings>) {
        let name = settings.name.clone();
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (station, stationed) = watch::channel(Station::Configured(Arc::clone(&settings)));
        let inbox = Inbox {
            orders: inbox,
            station: stationed,
            unsettled: self.unsettled.subscribe(),
        };
        let actor = Actor::new(self.host.clone(), settings, self.mode, self.speaker.clone(), inbox);
        let seat = Seat {
            orders,
            station,
            successor: None,
        };
        self.unsettled.send_modify(|unsettled| {
            unsettled.insert(name.clone());
        });
        self.seats.insert(name.clone(), seat);
        self.actors.spawn(async move { (name, actor.run().await) });
    }

    fn ended(&mut self, name: &SourceName, ending: &Result<Ending, StoreError>) {
        self.settle(name);
        let left = matches!(ending, Ok(Ending::Removed(_) | Ending::Stopped));
        if left
            && let Some(seat) = self.seats.remove(name)
            && let Some(settings) = seat.successor
            && self.business == Business::Open
        {
            self.begin(settings);
        }
    }

    fn settle(&self, name: &SourceName) {
        self.unsettled.send_if_modified(|unsettled| unsettled.remove(name));
    }
}

/// Whether a source has said by this what it declares, or will not soon.
fn settles(what: &What) -> bool {
    match what {
        What::Pass(_) | What::Live => true,
        What::State { state, .. } => match state {
            State::Launching { .. } | State::Running { .. } | State::Paused { .. } => false,
            State::Stopped
            | State::Disabled
            | State::Suspended { .. }
            | State::Waiting { .. }
            | State::CircuitOpen(_)
            | State::Stopping { .. }
            | State::Killing { .. }
            | State::Quarantined { .. }
            | State::Refused { .. }
            | State::Finished => true,
        },
        What::CircuitClosed
        | What::Progress(_)
        | What::Problem(_)
        | What::Events(_)
        | What::Held(_)
        | What::Handled(_)
        | What::Durable { .. } => false,
    }
}
