//! What a person at the terminal is told of a run, line by line.

use std::io::Write as _;
use std::path::PathBuf;

use k1s_sync_engine::event::Tally;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use k1s_sync_engine::problem::Problem;
use k1s_sync_engine::work::HoldReason;

use crate::output::{Lines, Palette, count, key, visible};
use crate::progress::Bars;
use crate::source::{Held, Notice, PassSummary, What};

/// Prints notices as they come.
pub(crate) struct Console {
    lines: Lines,
    bars: Bars,
    purpose: Purpose,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To fill a store.
    Sync,
    /// To find what is wrong.
    Vet,
}

impl Console {
    /// Prints to standard output, naming files as seen from this directory.
    pub(crate) fn new(working_directory: PathBuf) -> Self {
        Self {
            lines: Lines::new(Palette::for_stdout(), working_directory),
            bars: Bars::new(),
            purpose: Purpose::Sync,
        }
    }

    /// The same for a run that only looks for faults.
    pub(crate) fn vetting(working_directory: PathBuf) -> Self {
        Self {
            purpose: Purpose::Vet,
            ..Self::new(working_directory)
        }
    }

    /// Prints what a notice says, if it says something to a person.
    pub(crate) fn show(&mut self, notice: &Notice) {
        let source = &notice.source;
        match &notice.what {
            What::Progress(progress) => return self.bars.advance(source, progress),
            What::Pass(_) | What::State(_) => self.bars.finish(source),
            What::CircuitClosed | What::Problem(_) | What::Events(_) => {}
        }
        self.bars.aside(|| self.tell(source, &notice.what));
    }

    fn tell(&self, source: &SourceName, what: &What) {
        match what {
            What::Progress(_) => {}
            What::State(state) => self.state(source, state),
            What::CircuitClosed => line(&format!("source {source}   circuit closed: it works again")),
            What::Problem(problem) => line(&format!("source {source}   {}", described(problem))),
            What::Events(events) => {
                for event in events {
                    if let Some(change) = self.lines.change(event) {
                        line(&format!("source {source}   {change}"));
                    }
                }
                self.lines.failures(events).iter().for_each(|failure| line(failure));
            }
            What::Pass(summary) => self.pass(source, summary),
        }
    }

    fn pass(&self, source: &SourceName, summary: &PassSummary) {
        match self.purpose {
            Purpose::Sync => line(&self.lines.summary(source, &summary.tally, summary.elapsed)),
            Purpose::Vet => line(&vetted(&summary.tally)),
        }
        self.lines
            .failures(&summary.failures)
            .iter()
            .for_each(|failure| line(failure));
        let told = u64::try_from(summary.failures.len()).unwrap_or(u64::MAX);
        let all = summary.tally.failed + summary.tally.pending;
        if all > told {
            line(&format!("  and {} more", count(all - told)));
        }
        if let Some(problem) = &summary.incomplete {
            line(&format!("  incomplete, nothing was deleted: {}", described(problem)));
        }
        for held in &summary.held {
            line(&format!("  {}", held_line(held)));
        }
    }

    fn state(&self, source: &SourceName, state: &State) {
        let text = match state {
            State::Waiting { cause, .. } => format!("failed, tries again: {}", described(cause)),
            State::CircuitOpen(circuit) => format!("circuit open: {}", described(&circuit.reason)),
            State::Quarantined { cause } => format!("quarantined until it is resumed: {}", described(cause)),
            State::Refused { cause } => format!("refused: {}", described(cause)),
            State::Disabled => "disabled".to_owned(),
            State::Stopped
            | State::Suspended { .. }
            | State::Launching { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Killing { .. }
            | State::Finished => return,
        };
        line(&format!("source {source}   {text}"));
    }
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
    for detail in problem.detail.lines() {
        text.push_str("\n    ");
        text.push_str(&visible(detail));
    }
    text
}

fn held_line(held: &Held) -> String {
    let rows = count(held.rows);
    let why = match &held.reason {
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
    };
    format!("PruneHeld {}: {rows} deletes held, {why}", held.id.0)
}

/// A terminal that is gone must not end the host.
pub(crate) fn line(text: &str) {
    let mut out = anstream::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        tracing::debug!("standard output is closed");
    }
}
