//! One scope within a session: every transition of its listings, its being live and its requested listings.

use crate::digest::SnapshotDigest;
use crate::id::{Generation, Moment, ScopeId};
use crate::message::{Batch, Completeness, SnapshotEnd, SyncReason};
use crate::problem::{Level, Problem, ProblemCode, Retry};
use crate::session::violation::Violation;
use crate::work::{GenerationEnd, Outcome};

/// Where a scope stands outside a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was not listed in this session, or is gone.
    Unlisted,
    /// It was listed, or goes on from its token.
    Listed,
    /// It sends changes.
    Live,
}

#[derive(Clone, Debug)]
enum State {
    Idle(Standing),
    Listing {
        generation: Generation,
        digest: Box<SnapshotDigest>,
        /// The first reason why the listing proves nothing.
        fault: Option<Problem>,
        before: Standing,
    },
}

/// A listing the host asked for and that did not begin yet.
#[derive(Clone, Copy, Debug)]
struct Asked {
    reason: SyncReason,
    /// The listing that will answer, once the source named it.
    answer: Option<Generation>,
}

/// A listing that was asked for did not begin yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unbegun;

/// Whether the source was told in this session that what it believes to be known is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgetting {
    NotAsked,
    Asked,
}

/// Whether a position of the source may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Positions {
    Trusted,
    /// The last listing proved nothing, or deletes were left out since: going on from a later position would never list
    /// again what is missing.
    Withheld,
}

/// The judged end of a listing.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) end: GenerationEnd,
    /// What the source claimed that is not so.
    pub(super) mismatch: Option<Violation>,
}

/// What a request for a listing leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// The source is to be asked.
    Needed,
    /// A listing that will do is on its way.
    Covered,
}

/// One scope within a session.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    last: Option<Generation>,
    /// The last listing whose end is durable.
    closed: Option<Generation>,
    state: State,
    asked: Option<Asked>,
    forgetting: Forgetting,
    positions: Positions,
    relist_at: Option<Moment>,
}

impl Scope {
    pub(super) fn new(standing: Standing) -> Self {
        Self {
            last: None,
            closed: None,
            state: State::Idle(standing),
            asked: None,
            forgetting: Forgetting::NotAsked,
            positions: Positions::Trusted,
            relist_at: None,
        }
    }

    /// Whether a listing of it ever began in this session.
    pub(super) fn has_begun(&self) -> bool {
        self.last.is_some()
    }

    /// Whether the end of a listing of it is durable.
    pub(super) fn has_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether the end of this listing, or of a later one, is durable.
    pub(super) fn has_closed_since(&self, generation: Generation) -> bool {
        self.closed >= Some(generation)
    }

    /// Whether every listing that began has ended, durably.
    pub(super) fn is_settled(&self) -> bool {
        self.is_gone() || self.closed == self.last
    }

    /// Whether there is nothing of it to list any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state, State::Idle(Standing::Unlisted))
    }

    /// The last listing that began, once each that was asked for has; an error while one has not.
    pub(super) fn listing_after_requests(&self) -> Result<Option<Generation>, Unbegun> {
        match self.asked {
            Some(_) => Err(Unbegun),
            None => Ok(self.last),
        }
    }

    /// Notes that the end of a listing is durable.
    pub(super) fn handle_closed(&mut self, generation: Generation) {
        self.closed = self.closed.max(Some(generation));
    }

    /// Whether nothing more is to come of it in a session that lists once.
    pub(super) fn is_done(&self) -> bool {
        self.asked.is_none() && matches!(self.state, State::Idle(_))
    }

    pub(super) fn begin(&mut self, id: &ScopeId, generation: Generation) -> Result<(), Violation> {
        let before = match self.state {
            State::Idle(standing) => standing,
            State::Listing { generation: open, .. } => {
                return Err(Violation::AlreadyListing {
                    scope: id.clone(),
                    open,
                    got: generation,
                });
            }
        };
        if let Some(last) = self.last.filter(|last| generation <= *last) {
            return Err(Violation::GenerationOrder {
                scope: id.clone(),
                last,
                got: generation,
            });
        }
        self.last = Some(generation);
        self.relist_at = None;
        self.clear_answered();
        self.state = State::Listing {
            generation,
            digest: Box::default(),
            fault: None,
            before,
        };
        Ok(())
    }

    /// Takes a batch whose sizes and hashes are in order; a position that may not be stored is taken off it.
    pub(super) fn admit(&mut self, batch: &mut Batch) -> Result<(), Violation> {
        match (&mut self.state, batch.generation) {
            (State::Listing { generation, digest, .. }, Some(of)) if *generation == of => {
                if batch.token.is_some() {
                    return Err(Violation::TokenInListing(batch.seq));
                }
                batch.events.iter().for_each(|event| digest.add(event));
                Ok(())
            }
            (State::Listing { generation, .. }, None) => Err(Violation::OutsideListing {
                scope: batch.scope.clone(),
                open: *generation,
            }),
            (State::Listing { .. } | State::Idle(_), Some(generation)) => Err(Violation::NotListing {
                scope: batch.scope.clone(),
                generation,
            }),
            (State::Idle(Standing::Unlisted | Standing::Listed), None) => Err(Violation::NotLive(batch.scope.clone())),
            (State::Idle(Standing::Live), None) => {
                if self.positions == Positions::Withheld {
                    batch.token = None;
                }
                Ok(())
            }
        }
    }

    pub(super) fn end(&mut self, end: SnapshotEnd) -> Result<Closing, Violation> {
        let unknown = || Violation::NotListing {
            scope: end.scope.clone(),
            generation: end.generation,
        };
        let State::Listing {
            generation,
            digest,
            fault,
            before,
        } = &self.state
        else {
            return Err(unknown());
        };
        if *generation != end.generation {
            return Err(unknown());
        }
        let mismatch = match end.completeness {
            Completeness::Complete => mismatch(digest, &end),
            Completeness::Incomplete(_) => None,
        };
        let outcome = outcome(&end, fault.clone(), mismatch.as_ref());
        let (positions, token) = match outcome {
            Outcome::Complete => (Positions::Trusted, end.token),
            Outcome::Incomplete(_) => (Positions::Withheld, None),
        };
        self.positions = positions;
        self.state = State::Idle(match before {
            Standing::Unlisted | Standing::Listed => Standing::Listed,
            Standing::Live => Standing::Live,
        });
        Ok(Closing {
            end: GenerationEnd {
                scope: end.scope,
                generation: end.generation,
                outcome,
                token,
                empty: end.empty,
            },
            mismatch,
        })
    }

    /// Goes live; says whether it was not before.
    pub(super) fn go_live(&mut self, id: &ScopeId) -> Result<bool, Violation> {
        match self.state {
            State::Listing { generation: open, .. } => Err(Violation::LiveInListing {
                scope: id.clone(),
                open,
            }),
            State::Idle(Standing::Unlisted) => Err(Violation::LiveUnlisted(id.clone())),
            State::Idle(Standing::Listed) => {
                self.state = State::Idle(Standing::Live);
                Ok(true)
            }
            State::Idle(Standing::Live) => Ok(false),
        }
    }

    /// The scope is gone; names the listing that was open.
    pub(super) fn go_away(&mut self) -> Option<Generation> {
        let open = match self.state {
            State::Listing { generation, .. } => Some(generation),
            State::Idle(_) => None,
        };
        self.state = State::Idle(Standing::Unlisted);
        self.asked = None;
        self.relist_at = None;
        open
    }

    /// Notes why an open listing proves nothing; the first reason stays, without its detail.
    pub(super) fn spoil(&mut self, problem: &Problem) {
        match &mut self.state {
            State::Listing { fault, .. } => {
                fault.get_or_insert_with(|| Problem {
                    detail: String::new(),
                    ..problem.clone()
                });
            }
            State::Idle(_) => {}
        }
    }

    /// Deletes of it were not applied: a position behind them would never tell of them again.
    pub(super) fn handle_deletes_left_out(&mut self) {
        self.positions = Positions::Withheld;
    }

    /// A listing that ended proved nothing after all.
    pub(super) fn handle_unproven(&mut self, generation: Generation) {
        if self.last == Some(generation) {
            self.positions = Positions::Withheld;
        }
    }

    /// A `Seen` named a state the host does not hold. The first time in a session the source is to list without `Seen`.
    pub(super) fn handle_unknown_seen(&mut self, id: &ScopeId) -> Asking {
        self.spoil(&Problem {
            code: ProblemCode::Partial,
            level: Level::Scope(id.clone()),
            retry: Retry::Backoff,
            message: "the source left out objects that the host does not hold".to_owned(),
            detail: String::new(),
        });
        match self.forgetting {
            Forgetting::Asked => Asking::Covered,
            Forgetting::NotAsked => {
                self.forgetting = Forgetting::Asked;
                self.ask(SyncReason::ForgetKnown)
            }
        }
    }

    /// Notes that a listing is wanted. One that was asked for and did not begin yet will do, unless it may use `Seen`
    /// where this one may not.
    pub(super) fn ask(&mut self, reason: SyncReason) -> Asking {
        match self.asked {
            Some(asked) if asked.reason == SyncReason::ForgetKnown || reason != SyncReason::ForgetKnown => {
                Asking::Covered
            }
            Some(_) | None => {
                self.asked = Some(Asked { reason, answer: None });
                Asking::Needed
            }
        }
    }

    /// The source named the listing that will answer.
    pub(super) fn handle_answer(&mut self, generation: Generation) {
        if let Some(asked) = &mut self.asked {
            asked.answer = Some(generation);
        }
        self.clear_answered();
    }

    /// When to list it again.
    pub(super) fn relist_at(&self) -> Option<Moment> {
        self.relist_at
    }

    /// Sets when to list it again, unless it is being listed or gone.
    pub(super) fn relist(&mut self, at: Moment) {
        match self.state {
            State::Idle(Standing::Listed | Standing::Live) => self.relist_at = Some(at),
            State::Idle(Standing::Unlisted) | State::Listing { .. } => {}
        }
    }

    /// Asks once more even where an earlier request is unanswered: that one was not heard.
    pub(super) fn ask_again(&mut self, reason: SyncReason) -> SyncReason {
        let reason = self.asked.map_or(reason, |asked| asked.reason);
        self.asked = Some(Asked { reason, answer: None });
        reason
    }

    fn clear_answered(&mut self) {
        self.asked = self
            .asked
            .filter(|asked| asked.answer.is_none_or(|answer| self.last < Some(answer)));
    }
}

fn mismatch(digest: &SnapshotDigest, end: &SnapshotEnd) -> Option<Violation> {
    let (scope, generation) = (end.scope.clone(), end.generation);
    if digest.counts() != end.counts {
        Some(Violation::Counts { scope, generation })
    } else if digest.clone().finish() != end.digest {
        Some(Violation::Digest { scope, generation })
    } else {
        None
    }
}

fn outcome(end: &SnapshotEnd, fault: Option<Problem>, mismatch: Option<&Violation>) -> Outcome {
    if let Some(violation) = mismatch {
        return Outcome::Incomplete(violation.clone().into());
    }
    match (end.completeness, fault) {
        (_, Some(problem)) => Outcome::Incomplete(problem),
        (Completeness::Complete, None) => Outcome::Complete,
        (Completeness::Incomplete(code), None) => Outcome::Incomplete(Problem {
            code,
            level: Level::Scope(end.scope.clone()),
            retry: Retry::Backoff,
            message: "the source could not list everything".to_owned(),
            detail: String::new(),
        }),
    }
}
