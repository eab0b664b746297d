//! What can be said both of all sources, in `options`, and of one, in its own entry.

use std::ops::RangeInclusive;
use std::time::Duration;

use k1s_sync_engine::decide::ConflictPolicy;
use k1s_sync_engine::guard::GuardLimit;
use k1s_sync_engine::message::DEFAULT_HUNG_AFTER;
use schemars::JsonSchema;

use super::node::{Fields, Node, Read};
use super::period::Period;
use super::schema::WordText;
use super::settings::Timing;
use super::word::LogLevel;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How often a source may be listed again.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
/// How long a key may stay undeclared before a watching source reports its delete.
const DELETE_SETTLE: RangeInclusive<Duration> = Duration::ZERO..=HOUR;
/// How long a start or a stop may take.
const DEADLINE: RangeInclusive<Duration> = Duration::from_millis(100)..=HOUR;
/// How long a working source may be silent.
const HUNG_AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;

/// How often a source without word of deletes is listed again when neither configuration nor plugin say.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
/// How long a plugin may take to become ready.
pub const DEFAULT_START_DEADLINE: Duration = Duration::from_secs(30);
/// How long a key must stay undeclared before a watching source reports its delete.
pub const DEFAULT_DELETE_SETTLE: Duration = Duration::from_secs(1);

/// What can be said of all sources in `options`, and of one in its own entry.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Overrides {
    /// Which side's word holds where both changed (default SourceWins).
    #[schemars(with = "Option<WordText<ConflictPolicy>>")]
    pub(super) conflict_resolution: Option<ConflictPolicy>,
    /// How often a source that cannot report deletes is listed again, 1s to 24h (default: the plugin's own, else 30s).
    pub(super) interval: Option<Period>,
    /// How long a key must stay undeclared before a watching source reports its delete, at most 1h (default 1s).
    pub(super) delete_settle: Option<Period>,
    /// How long a plugin may take to become ready, 100ms to 1h (default 30s).
    pub(super) start_deadline: Option<Period>,
    /// How long a plugin may take to finish its work when it is stopped, 100ms to 1h (default 800ms).
    pub(super) stop_deadline: Option<Period>,
    /// How long a plugin may work without a sign of life, 1s to 24h (default 60s).
    pub(super) hung_after: Option<Period>,
    /// How many objects may go within an hour before a person is asked.
    pub(super) guard: Option<GuardEntry>,
    /// The least severe level that is logged (default info).
    #[schemars(with = "Option<WordText<LogLevel>>")]
    pub(super) log_level: Option<LogLevel>,
}

/// How many objects of a source may go within an hour: the larger of the two.
#[derive(Clone, Copy, Debug, Default, JsonSchema)]
#[schemars(rename = "Guard", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GuardEntry {
    /// So many objects (default 10).
    pub(super) min: Option<u64>,
    /// So many of each hundred, 0 to 100 (default 30).
    #[schemars(range(max = 100))]
    pub(super) percent: Option<u8>,
}

impl Overrides {
    /// Takes its own fields from among others.
    pub(super) fn take(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            conflict_resolution: fields.optional("conflictResolution"),
            interval: period(fields, "interval", INTERVAL),
            delete_settle: period(fields, "deleteSettle", DELETE_SETTLE),
            start_deadline: period(fields, "startDeadline", DEADLINE),
            stop_deadline: period(fields, "stopDeadline", DEADLINE),
            hung_after: period(fields, "hungAfter", HUNG_AFTER),
            guard: fields.optional("guard"),
            log_level: fields.optional("logLevel"),
        }
    }

    /// What a source's own entry says, else what `options` say.
    pub(super) fn over(&self, options: &Self) -> Self {
        let own = self.guard.unwrap_or_default();
        let common = options.guard.unwrap_or_default();
        let guard = GuardEntry {
            min: own.min.or(common.min),
            percent: own.percent.or(common.percent),
        };
        Self {
            conflict_resolution: self.conflict_resolution.or(options.conflict_resolution),
            interval: self.interval.or(options.interval),
            delete_settle: self.delete_settle.or(options.delete_settle),
            start_deadline: self.start_deadline.or(options.start_deadline),
            stop_deadline: self.stop_deadline.or(options.stop_deadline),
            hung_after: self.hung_after.or(options.hung_after),
            guard: Some(guard),
            log_level: self.log_level.or(options.log_level),
        }
    }

    pub(super) fn timing(&self) -> Timing {
        let stop = k1s_process::StopBudget::default().drain;
        Timing {
            interval: self.interval.map(Period::get),
            delete_settle: self.delete_settle.map_or(DEFAULT_DELETE_SETTLE, Period::get),
            start_deadline: self.start_deadline.map_or(DEFAULT_START_DEADLINE, Period::get),
            stop_deadline: self.stop_deadline.map_or(stop, Period::get),
            hung_after: self.hung_after.map_or(DEFAULT_HUNG_AFTER, Period::get),
        }
    }

    pub(super) fn guard_limit(&self) -> GuardLimit {
        let default = GuardLimit::default();
        let entry = self.guard.unwrap_or_default();
        GuardLimit {
            min: entry.min.unwrap_or(default.min),
            percent: entry.percent.unwrap_or(default.percent),
        }
    }
}

fn period(fields: &mut Fields<'_, '_>, name: &'static str, range: RangeInclusive<Duration>) -> Option<Period> {
    let node = fields.node(name)?;
    let period: Period = node.parsed()?;
    if range.contains(&period.get()) {
        return Some(period);
    }
    let [shortest, longest] = [range.start(), range.end()].map(|end| Period::new(*end));
    node.refuse(format!("{name} is {period}; it must be from {shortest} to {longest}"))
}

impl Read for GuardEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let min = fields.optional("min");
        let percent = fields.node("percent").and_then(|node| percent(&node));
        fields.finish(&[]);
        Some(Self { min, percent })
    }
}

/// Reads a share of a hundred.
fn percent(node: &Node<'_>) -> Option<u8> {
    let share = u64::read(node)?;
    match u8::try_from(share) {
        Ok(share @ 0..=100) => Some(share),
        Ok(_) | Err(_) => node.refuse(format!("{share} is not a percentage from 0 to 100")),
    }
}
