//! Keeps the control objects as they are.
//!
//! What sources say marks what has to be read again; reading happens at most every [`PACE`] and never takes more than a
//! twentieth of the time, however much they say. When nothing happens nothing is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k1s_api::board::{BoardWriter, ControlKey};
use k1s_api::control::Order;
use k1s_api::object::ControlKind;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::command::{Command, CommandError};
use k1s_store::reader::{PruneState, SourceFacts};
use k1s_store::status::PassRow;
use k1s_store::{Reader, StoreError};
use k1s_sync_engine::event::{SyncEvent, Verdict};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use tokio::time::Instant;

use super::figures::Figures;
use crate::config::SourceSettings;
use crate::mirror::{Live, Refusal, StoreOutage, never_ran, phase, prune_body, prune_key, source_body, source_key};
use crate::source::{Notice, PassSummary, What, pass_row};

/// How often everything that was said is shown, at most.
const PACE: Duration = Duration::from_millis(100);
/// Reading takes at most one part in so many of the time.
const SHARE: u32 = 20;
/// How long after the store could not be read it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What is not shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stale {
    Some(BTreeSet<SourceName>),
    All,
}

/// How far what is shown of prunes is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PruneView {
    Right,
    Stale,
}

/// What a source said since the host runs.
#[derive(Debug, Default)]
struct Life {
    live: Live,
    launches: u64,
    /// The last pass; shown when it answers a request, or says something new and therefore is in the store.
    latest: Option<PassRow>,
}

/// Keeps the control objects as they are.
pub(super) struct Showcase {
    reader: Reader,
    board: BoardWriter,
    configured: BTreeMap<SourceName, Arc<SourceSettings>>,
    lives: BTreeMap<SourceName, Life>,
    refusal: Option<Refusal>,
    stale: Stale,
    prunes: PruneView,
    /// Sources of which something is shown as held.
    held: BTreeSet<SourceName>,
    /// What was read of each source last, for a time in which nothing can be read.
    read: BTreeMap<SourceName, SourceFacts>,
    due: Option<Instant>,
    /// Until when no more is read, for what was read last.
    rests_until: Instant,
}

impl Showcase {
    pub(super) fn new(reader: Reader, board: BoardWriter, configured: &[Arc<SourceSettings>]) -> Self {
        let mut showcase = Self {
            reader,
            board,
            configured: BTreeMap::new(),
            lives: BTreeMap::new(),
            refusal: None,
            stale: Stale::All,
            prunes: PruneView::Stale,
            held: BTreeSet::new(),
            read: BTreeMap::new(),
            due: None,
            rests_until: Instant::now(),
        };
        showcase.configure(configured);
        showcase
    }

    /// Takes the sources that are configured now.
    pub(super) fn configure(&mut self, configured: &[Arc<SourceSettings>]) {
        let by_name = |settings: &Arc<SourceSettings>| (settings.name.clone(), Arc::clone(settings));
        self.configured = configured.iter().map(by_name).collect();
        self.lives.retain(|name, _| self.configured.contains_key(name));
        for name in self.configured.keys() {
            self.lives.entry(name.clone()).or_insert_with(Life::begin);
        }
        self.touch_all();
    }

    /// Shows why the files of the configuration are not in force, or that they are.
    pub(super) fn judge(&mut self, refusal: Option<String>) {
        self.refusal = refusal.map(|why| Refusal {
            why,
            since: SystemClock.now(),
        });
        self.touch_all();
    }

    /// Takes note of what a source says.
    pub(super) fn note(&mut self, notice: &Notice) {
        let source = &notice.source;
        let Some(life) = self.lives.get_mut(source) else {
            return;
        };
        match &notice.what {
            What::State { state, retry_in } => {
                life.enter(state, *retry_in);
                self.touch(source);
            }
            What::Pass(summary) => {
                life.latest = Some(pass_row(summary, SystemClock.now()));
                self.passed(source, summary);
            }
            What::Handled(request) => {
                life.live.last_handled_requested_at = Some(request.clone());
                life.live.last_pass.clone_from(&life.latest);
                self.touch(source);
            }
            What::Events(events) => self.happened(source, events),
            What::Held(_) => {
                self.prunes = PruneView::Stale;
                self.touch(source);
            }
            What::CircuitClosed | What::Live => self.touch(source),
            What::Progress(_) | What::Problem(_) | What::Durable { .. } => {}
        }
    }

    /// Takes note of what a person wanted, once it is done.
    pub(super) fn ordered(&mut self, order: &Order) {
        match order {
            Order::Command(Command::ApprovePrune { .. } | Command::UndoPrune { .. }) => {
                self.prunes = PruneView::Stale;
                self.touch_all();
            }
            Order::Command(
                Command::Suspend { source }
                | Command::Resume { source }
                | Command::Reset { source }
                | Command::AcceptRoot { source },
            ) => self.touch(source),
            Order::Sync(sync) => {
                if let Some(life) = self.lives.get_mut(&sync.source) {
                    life.live.requested_at = Some(sync.requested_at.clone());
                }
                self.touch(&sync.source);
            }
        }
    }

    /// Waits until something is to be shown.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Shows what is not shown as it is.
    pub(super) fn show(&mut self, figures: &Figures) {
        let begun = Instant::now();
        self.due = None;
        if let Err(error) = self.show_stale(figures) {
            tracing::warn!("what is shown of sources is not up to date: {error}");
            self.due = Some(begun + RETRY);
            return;
        }
        self.stale = Stale::Some(BTreeSet::new());
        self.prunes = PruneView::Right;
        self.rests_until = begun + PACE.max(begun.elapsed() * SHARE);
    }

    fn passed(&mut self, source: &SourceName, summary: &PassSummary) {
        if summary.tally.deleted > 0 || !summary.held.is_empty() || self.held.contains(source) {
            self.prunes = PruneView::Stale;
        }
        if summary.tally.changes() > 0 {
            // Others may have waited for these objects, or claimed them.
            self.touch_all();
        } else {
            self.touch(source);
        }
    }

    fn happened(&mut self, source: &SourceName, events: &[SyncEvent]) {
        let deleted = events.iter().any(|event| event.verdict == Verdict::Deleted);
        if deleted || self.held.contains(source) {
            self.prunes = PruneView::Stale;
        }
        self.touch_all();
    }

    fn touch(&mut self, source: &SourceName) {
        match &mut self.stale {
            Stale::Some(sources) => drop(sources.insert(source.clone())),
            Stale::All => {}
        }
        self.due.get_or_insert_with(|| self.rests_until.max(Instant::now()));
    }

    fn touch_all(&mut self) {
        self.stale = Stale::All;
        self.due.get_or_insert_with(|| self.rests_until.max(Instant::now()));
    }

    fn show_stale(&mut self, figures: &Figures) -> Result<(), StoreError> {
        let stale = match &self.stale {
            Stale::Some(sources) => sources.clone(),
            Stale::All => self
                .reader
                .sources()?
                .into_iter()
                .chain(self.configured.keys().cloned())
                .collect(),
        };
        stale.iter().try_for_each(|source| self.put(source, figures))?;
        if self.stale == Stale::All {
            self.remove_others(ControlKind::Source, &stale.iter().map(source_key).collect());
        }
        match self.prunes {
            PruneView::Right => Ok(()),
            PruneView::Stale => self.put_prunes(),
        }
    }

    fn put(&mut self, source: &SourceName, figures: &Figures) -> Result<(), StoreError> {
        let facts = match self.facts(source) {
            Ok(facts) => facts,
            // What only this host knows is shown beside what was read last.
            Err(StoreError::Engine(error)) => match self.read.get(source) {
                Some(facts) => facts.clone(),
                None => return Err(StoreError::Engine(error)),
            },
            Err(error) => return Err(error),
        };
        figures.measure(&facts);
        let live = self.lives.get(source).map(|life| &life.live);
        let configured = self.configured.get(source).map(|settings| &**settings);
        let body = source_body(&facts, configured, live, self.refusal.as_ref());
        self.board.put(&source_key(source), &body);
        self.read.insert(source.clone(), facts);
        Ok(())
    }

    fn facts(&self, source: &SourceName) -> Result<SourceFacts, StoreError> {
        match self.reader.source_facts(source) {
            Err(StoreError::Command(CommandError::UnknownSource { .. })) => Ok(never_ran(source.clone())),
            known => known,
        }
    }

    fn put_prunes(&mut self) -> Result<(), StoreError> {
        let prunes = self.reader.prunes(None)?;
        let held = prunes
            .iter()
            .filter(|prune| matches!(prune.state, PruneState::Held { .. }));
        self.held = held.map(|prune| prune.owner.source.clone()).collect();
        for prune in &prunes {
            self.board.put(&prune_key(prune), &prune_body(prune));
        }
        let keys = prunes.iter().map(prune_key).collect();
        self.remove_others(ControlKind::HeldPrune, &keys);
        Ok(())
    }

    fn remove_others(&self, kind: ControlKind, keys: &BTreeSet<ControlKey>) {
        for name in self.board.names(kind) {
            let key = ControlKey { kind, name };
            if !keys.contains(&key) {
                self.board.remove(&key);
            }
        }
    }
}

impl Life {
    fn begin() -> Self {
        let live = Live {
            phase: phase(&State::Stopped),
            ..Live::default()
        };
        Self {
            live,
            ..Self::default()
        }
    }

    fn enter(&mut self, state: &State, retry_in: Option<Duration>) {
        if let State::Launching { .. } = state {
            self.launches += 1;
        }
        self.live.restarts = self.launches.saturating_sub(1);
        self.live.phase = phase(state);
        let since = self
            .live
            .outage
            .take()
            .map_or_else(|| SystemClock.now(), |outage| outage.since);
        if let State::Paused { cause } = state {
            let why = cause.message.as_str().into();
            self.live.outage = Some(StoreOutage { why, since });
        }
        self.live.next_try = retry_in.map(|span| SystemClock.now().plus(span));
    }
}
