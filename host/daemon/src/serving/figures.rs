//! The host's figures, as `/metrics` shows them, and whether it is well.
//!
//! Labels name sources and what happened to them, never an object.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use k1s_api::service::{Check, Unwell, Vitals};
use k1s_store::Reader;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::reader::SourceFacts;
use k1s_sync_engine::event::{SyncEvent, Tally};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::process::ProcessFigures;
use crate::config::SourceSettings;
use crate::source::{Notice, PassSummary, What};

type Labels = Vec<(&'static str, String)>;

/// Counts what sources say.
pub(super) struct Figures {
    registry: Registry,
    passes: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    lag: Family<Labels, Histogram, fn() -> Histogram>,
    operations: Family<Labels, Counter>,
    objects: Family<Labels, Gauge>,
    pending: Family<Labels, Gauge>,
    held: Family<Labels, Gauge>,
    last_success: Family<Labels, Gauge>,
    up: Family<Labels, Gauge>,
    restarts: Family<Labels, Counter>,
    circuit: Family<Labels, Gauge>,
    retries: Family<Labels, Counter>,
    launched: Family<Labels, Gauge>,
    reader: Reader,
    /// Fails once the loop of the host has ended.
    living: watch::Receiver<()>,
    damaged: AtomicBool,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}

impl Figures {
    pub(super) fn new(reader: Reader, living: watch::Receiver<()>, configured: &[Arc<SourceSettings>]) -> Self {
        let figures = Self {
            registry: Registry::default(),
            passes: Family::default(),
            durations: Family::new_with_constructor(seconds),
            lag: Family::new_with_constructor(fractions),
            operations: Family::default(),
            objects: Family::default(),
            pending: Family::default(),
            held: Family::default(),
            last_success: Family::default(),
            up: Family::default(),
            restarts: Family::default(),
            circuit: Family::default(),
            retries: Family::default(),
            launched: Family::default(),
            reader,
            living,
            damaged: AtomicBool::new(false),
        };
        figures.configure(configured);
        figures.registered()
    }

    /// Takes the sources that are configured. What was counted of others is counted no more; what the store has of them is.
    pub(super) fn configure(&self, configured: &[Arc<SourceSettings>]) {
        for settings in configured {
            self.begin(&settings.name);
        }
    }

    /// Takes note of what a source says.
    pub(super) fn note(&self, notice: &Notice) {
        let source = &notice.source;
        match &notice.what {
            What::State { state, .. } => self.enter(source, state),
            What::Pass(summary) => self.pass(source, summary),
            What::Events(events) => self.count(source, &tally(events)),
            What::Durable { lag } => self.lag.get_or_create(&of(source)).observe(lag.as_secs_f64()),
            What::CircuitClosed => self.set_circuit(source, CLOSED),
            What::Progress(_) | What::Problem(_) | What::Live | What::Handled(_) | What::Held(_) => {}
        }
    }

    /// Takes what the store knows of a source.
    pub(super) fn measure(&self, facts: &SourceFacts) {
        let source = of(&facts.name);
        self.objects.get_or_create(&source).set(number(facts.objects));
        self.pending.get_or_create(&source).set(number(facts.pending));
        let held = facts.held.iter().map(|prune| prune.objects).sum();
        self.held.get_or_create(&source).set(number(held));
    }

    /// What is not there cannot be told from what is zero.
    fn begin(&self, source: &SourceName) {
        let labels = of(source);
        self.up.get_or_create(&labels).set(0);
        self.circuit.get_or_create(&labels).set(0);
        drop(self.restarts.get_or_create(&labels));
        drop(self.retries.get_or_create(&labels));
    }

    fn enter(&self, source: &SourceName, state: &State) {
        let labels = of(source);
        let up = matches!(state, State::Running { .. });
        self.up.get_or_create(&labels).set(i64::from(up));
        match state {
            State::Launching { .. } => {
                if self.launched.get_or_create(&labels).set(1) == 1 {
                    self.restarts.get_or_create(&labels).inc();
                }
                // The one probe of an open circuit.
                if self.circuit.get_or_create(&labels).get() == OPEN {
                    self.set_circuit(source, HALF_OPEN);
                }
            }
            State::Waiting { .. } => {
                self.retries.get_or_create(&labels).inc();
            }
            State::CircuitOpen(_) => {
                self.retries.get_or_create(&labels).inc();
                self.set_circuit(source, OPEN);
            }
            State::Stopped
            | State::Disabled
            | State::Suspended { .. }
            | State::Paused { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Killing { .. }
            | State::Quarantined { .. }
            | State::Refused { .. }
            | State::Finished => {}
        }
    }

    fn set_circuit(&self, source: &SourceName, state: i64) {
        self.circuit.get_or_create(&of(source)).set(state);
    }

    fn pass(&self, source: &SourceName, summary: &PassSummary) {
        let result = match summary {
            PassSummary {
                incomplete: Some(_), ..
            } => "incomplete",
            whole if whole.is_clean() => "success",
            PassSummary { .. } => "partial",
        };
        self.passes.get_or_create(&with(source, "result", result)).inc();
        let listing = with(source, "phase", "listing");
        self.durations
            .get_or_create(&listing)
            .observe(summary.elapsed.as_secs_f64());
        self.count(source, &summary.tally);
        if summary.incomplete.is_none() {
            let now = SystemClock.now().as_millis() / 1000;
            self.last_success.get_or_create(&of(source)).set(number(now));
        }
    }

    fn count(&self, source: &SourceName, tally: &Tally) {
        for (operation, times) in [
            ("created", tally.created),
            ("updated", tally.updated),
            ("unchanged", tally.unchanged),
            ("deleted", tally.deleted),
            ("failed", tally.failed),
            ("ignored", tally.ignored),
        ] {
            if times > 0 {
                let labels = with(source, "operation", operation);
                self.operations.get_or_create(&labels).inc_by(times);
            }
        }
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("k1s_sync", "Listings of everything a source has", self.passes.clone());
        registry.register(
            "k1s_sync_duration_seconds",
            "How long a phase of a sync took",
            self.durations.clone(),
        );
        registry.register(
            "k1s_sync_lag_seconds",
            "How long after it was here something that a source sent was durable",
            self.lag.clone(),
        );
        registry.register(
            "k1s_sync_operations",
            "What was made of declarations",
            self.operations.clone(),
        );
        registry.register(
            "k1s_sync_inventory_objects",
            "Objects a source owns",
            self.objects.clone(),
        );
        registry.register(
            "k1s_sync_pending_objects",
            "Declarations that wait",
            self.pending.clone(),
        );
        registry.register("k1s_sync_prune_held", "Deletes that a guard holds", self.held.clone());
        registry.register(
            "k1s_sync_last_success_timestamp_seconds",
            "When a listing was last whole",
            self.last_success.clone(),
        );
        registry.register("k1s_sync_source_up", "Whether a session is open", self.up.clone());
        registry.register(
            "k1s_sync_plugin_restarts",
            "Times a plugin was started again",
            self.restarts.clone(),
        );
        registry.register(
            "k1s_sync_circuit_state",
            "0 closed, 1 a probe runs, 2 open",
            self.circuit.clone(),
        );
        registry.register(
            "k1s_sync_retries",
            "Failed runs that are tried again",
            self.retries.clone(),
        );
        registry.register_collector(Box::new(ProcessFigures::new(self.reader.clone())));
        self
    }
}

/// A closed circuit.
const CLOSED: i64 = 0;
/// A circuit whose one probe runs.
const HALF_OPEN: i64 = 1;
/// An open circuit.
const OPEN: i64 = 2;

impl Vitals for Figures {
    fn metrics(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => {
                if !self.damaged.swap(true, Ordering::Relaxed) {
                    tracing::error!("figures cannot be written: {error}");
                }
                String::from("# EOF\n")
            }
        }
    }

    fn checks(&self) -> Vec<Check> {
        let store = match self.reader.health().outage {
            Some(outage) => Err(unwell(&outage.reason)),
            None => self.reader.instance_id().map(drop).map_err(|error| unwell(&error)),
        };
        let sources = self.living.has_changed().map(drop);
        vec![
            Check {
                name: "store".into(),
                outcome: store,
            },
            Check {
                name: "sources".into(),
                outcome: sources.map_err(|_| unwell(&"the loop of the host has ended")),
            },
        ]
    }
}

fn unwell(why: &dyn fmt::Display) -> Unwell {
    Unwell(why.to_string().into())
}

fn tally(events: &[SyncEvent]) -> Tally {
    let mut tally = Tally::default();
    events.iter().for_each(|event| tally.count(&event.verdict));
    tally
}

fn of(source: &SourceName) -> Labels {
    vec![("source", source.to_string())]
}

fn with(source: &SourceName, name: &'static str, value: &str) -> Labels {
    vec![("source", source.to_string()), (name, value.to_owned())]
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// From 1 ms to about 16 seconds.
fn fractions() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 8))
}

/// From 10 ms to about 11 minutes.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 4.0, 9))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use k1s_object::{InstanceId, Timestamp};
    use k1s_store::clock::SystemClock;
    use k1s_store::engine::MemoryEngine;
    use k1s_store::{OpenOptions, Store};

    use super::*;

    /// The names of the figures of an OpenMetrics text, as they are asked for.
    fn names(text: &str) -> BTreeSet<String> {
        let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let name = |family: &str| match family.split_once(' ') {
            Some((name, "counter")) => format!("{name}_total"),
            Some((name, _)) => name.to_owned(),
            None => family.to_owned(),
        };
        families.map(name).collect()
    }

    #[test]
    fn the_page_lists_what_is_shown() {
        let page = include_str!("../../../../docs/metrics.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let documented: BTreeSet<String> = rows
            .filter_map(|row| row.split_once('`'))
            .map(|(name, _)| name.to_owned())
            .collect();
        let store = Store::open(
            Arc::new(MemoryEngine::new()),
            OpenOptions {
                instance_id: None,
                new_instance_id: InstanceId::generate("host", Timestamp::from_millis(1), 1),
                clock: Arc::new(SystemClock),
            },
        )
        .unwrap();
        let (alive, living) = watch::channel(());
        let figures = Figures::new(store.reader().clone(), living, &[]);
        let source = SourceName::new("files").unwrap();
        figures.begin(&source);
        let said = |what| Notice {
            source: source.clone(),
            what,
        };
        figures.note(&said(What::Pass(PassSummary {
            tally: Tally {
                created: 2,
                ..Tally::default()
            },
            ..PassSummary::default()
        })));
        let lag = Duration::from_millis(3);
        figures.note(&said(What::Durable { lag }));
        figures.measure(&crate::mirror::never_ran(source.clone()));
        let text = figures.metrics();
        assert_eq!(names(&text), documented);
        assert!(text.contains("k1s_sync_operations_total{source=\"files\",operation=\"created\"} 2\n"));
        assert!(
            text.contains("k1s_sync_lag_seconds_bucket{le=\"0.004\",source=\"files\"} 1\n"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
        assert!(figures.checks().iter().all(|check| check.outcome.is_ok()));
        drop(alive);
        assert!(figures.checks().iter().any(|check| check.outcome.is_err()));
    }
}
