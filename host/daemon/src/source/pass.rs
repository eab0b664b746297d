//! Adds up what a listing of everything a source has leads to, from receipt to receipt.

use k1s_store::{Reader, StoreError};
use k1s_sync_engine::event::{SyncEvent, Tally, Verdict};
use k1s_sync_engine::id::{Moment, SourceName};
use k1s_sync_engine::problem::Problem;
use k1s_sync_engine::work::{Absence, Receipt};

use super::notice::{Held, PassSummary};

/// Failures that are kept with their text; later ones are only counted.
pub(crate) const MAX_FAILURES: usize = 1000;

/// Changes that are told one by one; of more only the counts are.
pub(crate) const MAX_CHANGES: usize = 100;

/// A pass in the making.
#[derive(Debug, Default)]
pub(super) struct Pass {
    begun: Option<Moment>,
    open_listings: u64,
    tally: Tally,
    failures: Vec<SyncEvent>,
    changes: Vec<SyncEvent>,
    held: Vec<Held>,
    incomplete: Option<Problem>,
}

impl Pass {
    /// A listing begins.
    pub(super) fn begin_listing(&mut self, now: Moment) {
        self.begun.get_or_insert(now);
        self.open_listings += 1;
    }

    /// Whether a listing is open, so that what happens belongs to the pass.
    pub(super) fn is_open(&self) -> bool {
        self.open_listings > 0
    }

    /// Takes what became durable; says whether the last open listing ended with it.
    pub(super) fn take(&mut self, receipt: &Receipt) -> Progress {
        self.tally.add(&receipt.tally);
        for event in &receipt.events {
            match &event.verdict {
                Verdict::Error(_) if self.failures.len() < MAX_FAILURES => self.failures.push(event.clone()),
                // One more than is told, so that it shows that there were more.
                Verdict::Created | Verdict::Updated | Verdict::Deleted if self.changes.len() <= MAX_CHANGES => {
                    self.changes.push(event.clone());
                }
                Verdict::Error(_)
                | Verdict::Created
                | Verdict::Updated
                | Verdict::Deleted
                | Verdict::Unchanged
                | Verdict::Pending(_)
                | Verdict::Ignored(_) => {}
            }
        }
        self.held.extend(receipt.declared.as_ref().and_then(Held::of));
        let Some(closed) = &receipt.closed else {
            return Progress::Open;
        };
        self.open_listings = self.open_listings.saturating_sub(1);
        self.held.extend(Held::of(&closed.absence));
        if let Absence::Unproven(problem) = &closed.absence {
            self.incomplete.get_or_insert_with(|| problem.clone());
        }
        if self.open_listings == 0 {
            Progress::Closed
        } else {
            Progress::Open
        }
    }

    /// Ends the pass: adds what still waits, and begins anew.
    pub(super) fn finish(
        &mut self,
        reader: &Reader,
        source: &SourceName,
        now: Moment,
    ) -> Result<PassSummary, StoreError> {
        let mut pass = std::mem::take(self);
        pass.tally.pending = 0;
        reader.pending(source, &mut |_, row| {
            pass.tally.pending += 1;
            if pass.failures.len() < MAX_FAILURES {
                let verdict = Verdict::Pending(Problem::with_object(row.code, row.message));
                pass.failures.push(SyncEvent {
                    key: Some(row.key.unresolved()),
                    verdict,
                    provenance: row.provenance,
                });
            }
        })?;
        let place = |failure: &SyncEvent| (failure.provenance.path.clone(), failure.provenance.line);
        pass.failures.sort_by_key(place);
        Ok(PassSummary {
            tally: pass.tally,
            failures: pass.failures,
            changes: if pass.changes.len() > MAX_CHANGES {
                Vec::new()
            } else {
                pass.changes
            },
            held: pass.held,
            incomplete: pass.incomplete,
            elapsed: pass.begun.map(|begun| now.since(begun)).unwrap_or_default(),
        })
    }
}

/// Whether a pass goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Open,
    Closed,
}
