//! What a person at the terminal is told of a run, line by line.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use k1s_store::writer::Released;
use k1s_sync_engine::event::{SyncEvent, Tally};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use k1s_sync_engine::problem::Problem;
use k1s_sync_engine::work::HoldReason;

use crate::keeper::StoreNews;
use crate::output::{Lines, Palette, count, elapsed, key, visible};
use crate::progress::Bars;
use crate::source::{Held, Notice, PassSummary, What};

/// Prints notices as they come.
pub(crate) struct Console {
    lines: Lines,
    bars: Bars,
    /// What the last pass of each source found.
    findings_by_source: BTreeMap<SourceName, Vec<String>>,
    purpose: Purpose,
    /// What to say once the first source is live.
    hint: Option<String>,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To fill a store.
    Sync,
    /// To find what is wrong.
    Vet,
}

/// What became of a source that is configured no longer.
pub(crate) fn farewell(released: &Released) -> String {
    let Released {
        source,
        objects,
        deleted,
        held,
        ..
    } = released;
    let stay = format!("its {} objects stay and belong to no source", count(*objects));
    let parts = [
        (*deleted > 0).then(|| format!("its {} objects are deleted", count(*deleted))),
        (*held > 0).then(|| format!("{} deletes are held: k1s-sync-host prunes list {source}", count(*held))),
        (*objects > 0 || (*deleted, *held) == (0, 0)).then_some(stay),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("source {source}   no longer configured: {}", parts.join("; "))
}

impl Console {
    /// Prints to standard output, naming files as seen from this directory.
    pub(crate) fn new(working_directory: PathBuf) -> Self {
        Self {
            lines: Lines::new(Palette::for_stdout(), working_directory),
            bars: Bars::new(),
            findings_by_source: BTreeMap::new(),
            purpose: Purpose::Sync,
            hint: None,
        }
    }

    /// The same, and a hint when the first source is live.
    pub(crate) fn hinting(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// The same for a run that only looks for faults.
    pub(crate) fn vetting(working_directory: PathBuf) -> Self {
        Self {
            purpose: Purpose::Vet,
            ..Self::new(working_directory)
        }
    }

    /// Prints what became of the store.
    pub(crate) fn store(&mut self, news: &StoreNews) {
        let text = match news {
            StoreNews::Lost(outage) if outage.is_damage() => {
                format!(
                    "store   damaged, nothing is stored any more and every source waits: {}",
                    outage.reason
                )
            }
            StoreNews::Lost(outage) => {
                format!(
                    "store   nothing can be stored, every source waits; it is tried again by itself: {}",
                    outage.reason
                )
            }
            StoreNews::Back => "store   works again, sources go on".to_owned(),
        };
        self.bars.aside(|| line(&text));
    }

    /// Prints lines that are of no source, or of one that is gone.
    pub(crate) fn say(&self, lines: &[String]) {
        if !lines.is_empty() {
            self.bars.aside(|| lines.iter().for_each(|text| line(text)));
        }
    }

    /// Forgets what the last pass of a source found, so that its next one is told.
    pub(crate) fn forget(&mut self, source: &SourceName) {
        self.findings_by_source.remove(source);
    }

    /// Prints what a notice says, if it says something to a person.
    pub(crate) fn show(&mut self, notice: &Notice) {
        let source = &notice.source;
        match &notice.what {
            What::Progress(progress) => return self.bars.advance(source, progress),
            What::Pass(summary) => {
                self.bars.finish(source);
                return self.pass(source, summary);
            }
            What::State { .. } => self.bars.finish(source),
            What::Live => return self.hint(),
            What::Durable { .. } => return,
            What::CircuitClosed | What::Problem(_) | What::Events(_) | What::Held(_) | What::Handled(_) => {}
        }
        self.bars.aside(|| self.tell(source, &notice.what));
    }

    fn tell(&self, source: &SourceName, what: &What) {
        match what {
            // These are told by bars and summaries, or asked for by who wants to know.
            What::Progress(_) | What::Pass(_) | What::Live | What::Handled(_) | What::Durable { .. } => {}
            What::State { state, retry_in } => state_line(source, state, *retry_in).iter().for_each(|text| line(text)),
            What::CircuitClosed => line(&format!("source {source}   circuit closed: it works again")),
            What::Problem(problem) => line(&format!("source {source}   {}", described(problem))),
            What::Held(held) => line(&format!("source {source}   {}", held_line(held))),
            What::Events(events) => {
                self.changes(source, events).iter().for_each(|change| line(change));
                self.lines.failures(events).iter().for_each(|failure| line(failure));
            }
        }
    }

    /// Says what a pass led to; a pass that changed nothing and found what the one before it found is not worth a word.
    fn pass(&mut self, source: &SourceName, summary: &PassSummary) {
        let findings = self.findings(summary);
        let before = self.findings_by_source.insert(source.clone(), findings.clone());
        if summary.tally.changes() == 0 && before.as_ref() == Some(&findings) {
            return;
        }
        let head = match self.purpose {
            Purpose::Sync => self.lines.summary(source, &summary.tally, summary.elapsed),
            Purpose::Vet => vetted(&summary.tally),
        };
        // What the first listing found is too much to tell one by one.
        let changes = if before.is_some() {
            self.changes(source, &summary.changes)
        } else {
            Vec::new()
        };
        let all = changes.iter().chain([&head]).chain(&findings);
        self.bars.aside(|| all.for_each(|text| line(text)));
        self.hint();
    }

    /// Says, once something is there to look at, how to look at it.
    fn hint(&mut self) {
        if let Some(hint) = self.hint.take() {
            self.bars.aside(|| line(&hint));
        }
    }

    fn changes(&self, source: &SourceName, events: &[SyncEvent]) -> Vec<String> {
        let changes = events.iter().filter_map(|event| self.lines.change(event));
        changes.map(|change| format!("source {source}   {change}")).collect()
    }

    fn findings(&self, summary: &PassSummary) -> Vec<String> {
        let mut findings = self.lines.failures(&summary.failures);
        let told = u64::try_from(summary.failures.len()).unwrap_or(u64::MAX);
        let all = summary.tally.failed + summary.tally.pending;
        if all > told {
            findings.push(format!("  and {} more", count(all - told)));
        }
        if let Some(problem) = &summary.incomplete {
            findings.push(format!("  incomplete, nothing was deleted: {}", described(problem)));
        }
        findings.extend(summary.held.iter().map(|held| format!("  {}", held_line(held))));
        findings
    }
}

/// What a state means to a person; `None` where the next line will say more.
fn state_line(source: &SourceName, state: &State, retry_in: Option<Duration>) -> Option<String> {
    let next_try = retry_in
        .map(|span| format!(", next try in {}", elapsed(span)))
        .unwrap_or_default();
    let text = match state {
        State::Waiting { cause, .. } => format!("failed, its objects stay{next_try}: {}", described(cause)),
        State::CircuitOpen(circuit) => {
            format!(
                "circuit open, its objects stay{next_try}: {}",
                described(&circuit.reason)
            )
        }
        State::Quarantined { cause } => format!("quarantined until it is resumed: {}", described(cause)),
        State::Refused { cause } => format!("refused: {}", described(cause)),
        State::Disabled => "disabled".to_owned(),
        State::Suspended { .. } => format!("suspended: k1s-sync-host resume {source}"),
        State::Stopped
        | State::Launching { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Killing { .. }
        // Said once for all sources.
        | State::Paused { .. }
        | State::Finished => return None,
    };
    Some(format!("source {source}   {text}"))
}

fn vetted(tally: &Tally) -> String {
    let good = tally.created + tally.updated + tally.unchanged;
    let bad = tally.failed + tally.pending;
    format!(
        "{} objects are good, {} are not, {} ignored",
        count(good),
        count(bad),
        count(tally.ignored)
    )
}

/// A problem with its cause below, if it has one to show.
pub(crate) fn described(problem: &Problem) -> String {
    let mut text = format!("{}  {}", problem.code, visible(&problem.message));
    for detail in problem.detail.lines().filter(|detail| *detail != problem.message) {
        text.push_str("\n    ");
        text.push_str(&visible(detail));
    }
    text
}

fn held_line(held: &Held) -> String {
    let (id, rows, why) = (&held.id.0, count(held.rows), why_held(&held.reason));
    format!("PruneHeld {id}: {rows} deletes held, {why}: k1s-sync-host prunes show {id}")
}

/// Why deletes are held.
pub(crate) fn why_held(reason: &HoldReason) -> String {
    match reason {
        HoldReason::Guard { shrink, limit } => {
            format!(
                "{} of the last hour's objects would be gone, {} may",
                count(*shrink),
                count(*limit)
            )
        }
        HoldReason::Empty => "everything the source has would be gone".to_owned(),
        HoldReason::RootChanged { stored, seen } => {
            format!(
                "the place is another one: {:?}, not {:?}",
                visible(seen),
                visible(stored)
            )
        }
        HoldReason::Contents(holder) => format!("{} still holds objects that would stay", visible(&key(holder))),
        HoldReason::Annotation(object) => format!("{} is annotated to be kept", visible(&key(object))),
    }
}

/// A terminal that is gone must not end the host.
pub(crate) fn line(text: &str) {
    let mut out = anstream::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        tracing::debug!("standard output is closed");
    }
}
