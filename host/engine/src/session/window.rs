//! Deletes that belong together and come in more than one batch.
//!
//! They are kept until the batch that ends their window, and are one piece of work with it: a guard judges them as one, and of
//! a session that ends before nothing is deleted. One window is open at a time, so what is kept is bounded for the session. A
//! window that is larger is not applied at all: what is gone is found by a complete listing, where absence is judged as one.

use super::flow::held_by;
use super::settings::Limits;
use super::violation::Violation;
use crate::event::{Change, Event};
use crate::id::ScopeId;
use crate::message::{Batch, More};
use crate::problem::{Level, Problem, ProblemCode, Retry};

/// The deletes of one window, as far as they have come.
#[derive(Debug)]
pub(super) struct Window {
    scope: ScopeId,
    deletes: usize,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    All {
        events: Vec<Event>,
        bytes: usize,
    },
    /// More than may be kept.
    None,
}

impl Window {
    pub(super) fn new(scope: ScopeId) -> Self {
        Self {
            scope,
            deletes: 0,
            kept: Kept::All {
                events: Vec::new(),
                bytes: 0,
            },
        }
    }

    /// The window that a batch belongs to, if one is open; an error if it may not come now, or may not go on.
    pub(super) fn going_on(open: Option<Self>, batch: &Batch) -> Result<Option<Self>, Violation> {
        if let Some(window) = open.as_ref().filter(|window| window.scope != batch.scope) {
            return Err(window.is_open());
        }
        let what = match batch.more {
            More::Last => return Ok(open),
            More::Follows if batch.generation.is_some() => "a listing",
            More::Follows if batch.token.is_some() => "a token",
            More::Follows if !batch.events.iter().all(is_delete) => "more than deletes",
            More::Follows => return Ok(open),
        };
        Err(Violation::Unfinished { seq: batch.seq, what })
    }

    /// What is broken by anything that does not belong to it.
    pub(super) fn is_open(&self) -> Violation {
        Violation::InWindow(self.scope.clone())
    }

    /// Keeps deletes, unless they are too many by now: then none are kept any more.
    pub(super) fn add(&mut self, more: Vec<Event>, limits: &Limits) {
        self.count(&more, limits);
        if let Kept::All { events, .. } = &mut self.kept {
            events.extend(more);
        }
    }

    /// Gives what was kept to the batch that ends the window. If that is too much, takes the deletes and the position off the
    /// batch instead, and says so.
    pub(super) fn close(mut self, batch: &mut Batch, limits: &Limits) -> Result<(), Problem> {
        self.count(batch.events.iter().filter(|event| is_delete(event)), limits);
        match self.kept {
            Kept::All { events, .. } => {
                batch.earlier = events;
                Ok(())
            }
            Kept::None => {
                batch.events.retain(|event| !is_delete(event));
                batch.token = None;
                Err(Problem {
                    code: ProblemCode::TooLarge,
                    level: Level::Scope(self.scope),
                    retry: Retry::Never,
                    message: format!(
                        "{} deletes at once are more than are judged as one; a complete listing decides instead",
                        self.deletes
                    ),
                    detail: String::new(),
                })
            }
        }
    }

    fn count<'e>(&mut self, more: impl IntoIterator<Item = &'e Event>, limits: &Limits) {
        let mut held = 0;
        for event in more {
            self.deletes += 1;
            held += held_by(event);
        }
        if let Kept::All { bytes, .. } = &mut self.kept {
            *bytes += held;
            if *bytes > limits.window_bytes || self.deletes > limits.window_deletes {
                self.kept = Kept::None;
            }
        }
    }
}

fn is_delete(event: &Event) -> bool {
    match &event.change {
        Change::Delete { .. } => true,
        Change::Upsert { .. } | Change::Seen { .. } | Change::Ignored { .. } | Change::Failed { .. } => false,
    }
}
