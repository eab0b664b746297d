//! A launched source, and what it says.

use std::cell::Cell;
use std::collections::BTreeMap;

use k1s_object::StatusRule;
use k1s_store::StoreError;
use k1s_store::writer::{Opening, ReadAhead, Submission};
use k1s_sync_engine::event::{Event, Tally};
use k1s_sync_engine::id::{Epoch, Generation, Seq, SourceName};
use k1s_sync_engine::message::{Batch, EmptyListing, More, ScopeGone};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::{Absence, GenerationEnd, Outcome, Receipt, Work};

use crate::harness::{Harness, ROOT, WHOLE, scope};

/// A launched source.
pub(crate) struct Session<'h> {
    pub(crate) harness: &'h Harness,
    pub(crate) source: SourceName,
    pub(crate) epoch: Epoch,
    pub(crate) opening: Opening,
    seq: Cell<u64>,
    generation: Cell<u64>,
}

/// What one complete listing came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listing {
    pub(crate) tally: Tally,
    pub(crate) absence: Absence,
    pub(crate) pending: u64,
}

impl<'h> Session<'h> {
    pub(crate) fn new(harness: &'h Harness, source: SourceName, epoch: Epoch, opening: Opening) -> Self {
        Self {
            harness,
            source,
            epoch,
            opening,
            seq: Cell::new(0),
            generation: Cell::new(0),
        }
    }

    /// Every other batch comes with its objects read ahead, under the rule that most sources have: nothing may depend on it.
    fn submission(&self, work: Work) -> Submission {
        let nothing = Opening {
            scopes: BTreeMap::new(),
        };
        if self.seq.get().is_multiple_of(2) {
            work.into()
        } else {
            ReadAhead::new(StatusRule::Drop, &nothing).submission(work)
        }
    }

    pub(crate) fn submit(&self, work: Work) -> Result<Receipt, StoreError> {
        let writer = self.harness.writer();
        self.harness.wait(async {
            let submission = self.submission(work);
            let mut ticket = writer.submit(self.source.clone(), self.epoch, submission).await?;
            ticket.redeem().await
        })
    }

    pub(crate) fn do_work(&self, work: Work) -> Receipt {
        self.submit(work).expect("done")
    }

    pub(crate) fn begin(&self, scope_id: &str) {
        self.begin_at(scope_id, ROOT);
    }

    pub(crate) fn begin_at(&self, scope_id: &str, root: &str) {
        self.generation.set(self.generation.get() + 1);
        self.do_work(Work::BeginGeneration {
            scope: scope(scope_id),
            generation: Generation::new(self.generation.get()),
            root_identity: root.to_owned(),
        });
    }

    pub(crate) fn batch(&self, scope_id: &str, events: Vec<Event>, token: Option<&str>) -> Work {
        self.seq.set(self.seq.get() + 1);
        Work::Apply(Batch {
            seq: Seq::new(self.seq.get()),
            scope: scope(scope_id),
            generation: None,
            events,
            token: token.map(crate::harness::token),
            more: More::Last,
            earlier: Vec::new(),
        })
    }

    /// Applies the last batch of a window, with the deletes of the earlier ones.
    pub(crate) fn window(&self, earlier: Vec<Event>, last: Vec<Event>) -> Receipt {
        let mut work = self.batch(WHOLE, last, None);
        if let Work::Apply(batch) = &mut work {
            batch.earlier = earlier;
        }
        self.do_work(work)
    }

    /// Applies events, within the open listing if there is one.
    pub(crate) fn apply_in(&self, scope_id: &str, events: Vec<Event>) -> Receipt {
        self.do_work(self.batch(scope_id, events, None))
    }

    pub(crate) fn apply(&self, events: Vec<Event>) -> Receipt {
        self.apply_in(WHOLE, events)
    }

    /// The end of the open listing.
    pub(crate) fn end_of(&self, scope_id: &str) -> GenerationEnd {
        GenerationEnd {
            scope: scope(scope_id),
            generation: Generation::new(self.generation.get()),
            outcome: Outcome::Complete,
            token: None,
            empty: EmptyListing::Suspicious,
        }
    }

    pub(crate) fn end_with(&self, end: GenerationEnd) -> Listing {
        let receipt = self.do_work(Work::EndGeneration(end));
        let closed = receipt.closed.expect("an end is closed");
        Listing {
            tally: receipt.tally,
            absence: closed.absence,
            pending: closed.pending,
        }
    }

    pub(crate) fn end(&self) -> Listing {
        self.end_with(self.end_of(WHOLE))
    }

    pub(crate) fn end_incomplete(&self, scope_id: &str) -> Listing {
        self.end_with(GenerationEnd {
            outcome: Outcome::Incomplete(Problem::with_object(ProblemCode::Partial, "cut")),
            ..self.end_of(scope_id)
        })
    }

    /// Lists a scope completely.
    pub(crate) fn list_in(&self, scope_id: &str, events: Vec<Event>) -> Listing {
        self.begin(scope_id);
        let applied = self.apply_in(scope_id, events);
        let mut listing = self.end_with(self.end_of(scope_id));
        listing.tally.add(&applied.tally);
        listing
    }

    pub(crate) fn list(&self, events: Vec<Event>) -> Listing {
        self.list_in(WHOLE, events)
    }

    pub(crate) fn gone(&self, scope_id: &str, reason: ScopeGone) -> Receipt {
        self.do_work(Work::ScopeGone {
            scope: scope(scope_id),
            reason,
        })
    }

    pub(crate) fn close(self) {
        self.harness
            .wait(self.harness.writer().close_session(self.source, self.epoch))
            .expect("closed");
    }
}
