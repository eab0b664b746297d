//! Sources and prunes as the API shows them: what the configuration says, what the store remembers, and what only a host
//! that runs knows, put into control objects.
//!
//! Pure: the same is made by a running host for its board and by the command line for a host that has stopped. Nothing that
//! changes by being read later is put in.

use std::collections::BTreeMap;
use std::path::Path;

use k1s_api::board::{ControlBody, ControlKey};
use k1s_api::object::{
    ControlKind, Failure, HeldPruneSpec, HeldPruneState, HeldPruneStatus, LaunchedPlugin, Pass, REQUESTED_AT,
    SourceSpec, SourceStatus, Tallied,
};
use k1s_object::Timestamp;
use k1s_store::reader::{Prune, PruneState, SourceFacts};
use k1s_store::row::SourceRow;
use k1s_store::served::rfc3339;
use k1s_store::status::{FailureRow, PassRow, StatusRow};
use k1s_sync_engine::event::{Provenance, Tally};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use serde::Serialize;
use serde_json::Value;

use crate::condition::{conditions, guard, refused};
use crate::config::{Activation, Period, SourceSettings};
use crate::console::{described, why_held};
use crate::output::key;

/// How the address of a local place begins.
const LOCAL: &str = "file://";

/// What keeps a source from storing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreOutage {
    pub(crate) why: Box<str>,
    pub(crate) since: Timestamp,
}

/// What only a host that runs knows of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    /// What it does now, one word.
    pub(crate) phase: &'static str,
    /// When it is tried again by itself.
    pub(crate) next_try: Option<Timestamp>,
    /// Times its plugin was started again since the host runs.
    pub(crate) restarts: u64,
    /// What it is paused for.
    pub(crate) outage: Option<StoreOutage>,
    /// The last request to list.
    pub(crate) requested_at: Option<Box<str>>,
    /// The last request to list that was handled.
    pub(crate) last_handled_requested_at: Option<Box<str>>,
    /// The pass that handled it, which the store does not keep when it was like the one before.
    pub(crate) last_pass: Option<PassRow>,
}

/// Files of a configuration that are not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What is wrong, one finding a line.
    pub(crate) why: String,
    /// Since when.
    pub(crate) since: Timestamp,
}

/// The state of a source in one word.
pub(crate) const fn phase(state: &State) -> &'static str {
    match state {
        State::Stopped => "Stopped",
        State::Disabled => "Disabled",
        State::Suspended { .. } => "Suspended",
        State::Paused { .. } => "Paused",
        State::Waiting { .. } => "Waiting",
        State::CircuitOpen(_) => "CircuitOpen",
        State::Launching { .. } => "Launching",
        State::Running { .. } => "Running",
        State::Stopping { .. } | State::Killing { .. } => "Stopping",
        State::Quarantined { .. } => "Quarantined",
        State::Refused { .. } => "Refused",
        State::Finished => "Finished",
    }
}

/// What is known of a source that never ran.
pub(crate) fn never_ran(name: SourceName) -> SourceFacts {
    SourceFacts {
        name,
        row: SourceRow::default(),
        status: StatusRow::default(),
        objects: 0,
        pending: 0,
        held: Vec::new(),
        roots: BTreeMap::new(),
    }
}

/// The key of a source's object.
pub(crate) fn source_key(name: &SourceName) -> ControlKey {
    ControlKey {
        kind: ControlKind::Source,
        name: name.as_str().into(),
    }
}

/// The key of a prune's object.
pub(crate) fn prune_key(prune: &Prune) -> ControlKey {
    ControlKey {
        kind: ControlKind::HeldPrune,
        name: prune.id.0.clone(),
    }
}

/// A source, as it is configured if it is, and as it lives if a host runs.
pub(crate) fn source_body(
    facts: &SourceFacts,
    configured: Option<&SourceSettings>,
    live: Option<&Live>,
    refusal: Option<&Refusal>,
) -> ControlBody {
    let requested_at = live.and_then(|live| live.requested_at.as_deref());
    ControlBody {
        created: facts.row.launched,
        annotations: requested_at
            .map(|text| (REQUESTED_AT.to_owned(), text.to_owned()))
            .into_iter()
            .collect(),
        spec: value(&source_spec(facts, configured)),
        status: value(&source_status(facts, live, refusal)),
    }
}

/// Deletes that are held, or can be undone.
pub(crate) fn prune_body(prune: &Prune) -> ControlBody {
    let (state, why) = match &prune.state {
        PruneState::Held { reason, .. } => (HeldPruneState::Held, Some(reason)),
        PruneState::Done { .. } => (HeldPruneState::Pruned, None),
    };
    let since = prune.state.since();
    ControlBody {
        created: since,
        annotations: BTreeMap::new(),
        spec: value(&HeldPruneSpec {
            source: prune.owner.source.to_string(),
            scope: prune.owner.scope.as_str().to_owned(),
        }),
        status: value(&HeldPruneStatus {
            state,
            reason: why.map(|reason| guard(reason).to_owned()),
            message: why.map(why_held),
            objects: prune.objects,
            since: rfc3339(since),
        }),
    }
}

fn source_spec(facts: &SourceFacts, configured: Option<&SourceSettings>) -> SourceSpec {
    let interval = configured.and_then(|settings| settings.timing.interval);
    SourceSpec {
        plugin: configured.map(|settings| settings.plugin.clone()),
        enabled: configured.map(|settings| settings.activation != Activation::Disabled),
        suspend: facts.row.suspended.is_some(),
        interval: interval.map(|span| Period::new(span).to_string()),
        default_namespace: configured.map(|settings| settings.policy.default_namespace.to_string()),
    }
}

fn source_status(facts: &SourceFacts, live: Option<&Live>, refusal: Option<&Refusal>) -> SourceStatus {
    let SourceFacts { row, status, held, .. } = facts;
    let owned = |text: &str| text.to_owned();
    let last_pass = [status.pass.as_ref(), live.and_then(|live| live.last_pass.as_ref())]
        .into_iter()
        .flatten()
        .max_by_key(|pass| pass.ended);
    SourceStatus {
        observed_generation: None,
        phase: live.map(|live| live.phase.to_owned()),
        conditions: refusal
            .map(refused)
            .into_iter()
            .chain(conditions(facts, live.and_then(|live| live.outage.as_ref())))
            .collect(),
        objects: facts.objects,
        pending: facts.pending,
        failed: last_pass.map_or(0, |pass| pass.tally.failed),
        plugin: status.plugin.as_ref().map(|plugin| LaunchedPlugin {
            path: owned(&plugin.path),
            source_type: owned(&plugin.source_type),
            version: owned(&plugin.version),
        }),
        roots: facts.roots.values().cloned().collect(),
        suspended_by: row.suspended.as_ref().map(|by| owned(&by.user)),
        suspended_since: row.suspended.as_ref().map(|by| rfc3339(by.since)),
        last_launch: (row.launched.as_millis() > 0).then(|| rfc3339(row.launched)),
        last_change: row.changed.map(rfc3339),
        last_pass: last_pass.map(pass),
        last_handled_requested_at: live.and_then(|live| live.last_handled_requested_at.as_deref().map(owned)),
        restarts: live.map(|live| live.restarts),
        next_try: live.and_then(|live| live.next_try).map(rfc3339),
        held_prunes: held.iter().map(|prune| owned(&prune.id.0)).collect(),
    }
}

fn pass(row: &PassRow) -> Pass {
    Pass {
        tally: tallied(&row.tally),
        failures: row.failures.iter().map(failure).collect(),
        incomplete: row.incomplete.as_ref().map(described),
        seconds: row.took.as_secs_f64(),
        ended: Some(rfc3339(row.ended)),
    }
}

const fn tallied(tally: &Tally) -> Tallied {
    Tallied {
        created: tally.created,
        updated: tally.updated,
        unchanged: tally.unchanged,
        deleted: tally.deleted,
        failed: tally.failed,
        pending: tally.pending,
        ignored: tally.ignored,
    }
}

fn failure(row: &FailureRow) -> Failure {
    Failure {
        object: row.key.as_ref().map(key),
        code: row.code.as_str().to_owned(),
        message: row.message.clone(),
        path: path(&row.provenance),
        line: row.provenance.line,
        column: row.provenance.column,
    }
}

/// The whole path of a local file, else the path within its place.
fn path(provenance: &Provenance) -> String {
    match provenance.uri.strip_prefix(LOCAL) {
        Some(root) => Path::new(root).join(&*provenance.path).to_string_lossy().into_owned(),
        None => provenance.path.to_string(),
    }
}

/// Nothing of these has a key that is no text, so that none of them fails to be JSON.
fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}
