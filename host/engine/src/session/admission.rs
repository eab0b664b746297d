//! What becomes of each message of a source: checked against the contract, then submitted or reported.

use k1s_object::{ContentHash, KindNames};

use super::{
    Capability, EndCause, MAX_DETAIL_BYTES, MAX_KIND_BYTES, MAX_KINDS, MAX_MESSAGE_BYTES, MAX_ROOT_IDENTITY_BYTES,
    MAX_SCOPES, Phase, Report, Rest, Session,
};
use crate::event::{Change, Event};
use crate::id::{Generation, Moment, ScopeId, Seq, Token};
use crate::message::{
    Activity, Batch, EmptyListing, Mode, More, Progress, ScopeGone, SnapshotEnd, SourceMessage, SyncReason,
};
use crate::problem::{Level, Problem, ProblemCode, Retry};
use crate::session::Command;
use crate::session::scope::{Scope, Standing};
use crate::session::violation::Violation;
use crate::session::window::Window;
use crate::work::{GenerationEnd, Outcome, Work};

impl Session {
    pub(super) fn accept(&mut self, message: SourceMessage, now: Moment) -> Result<(), Violation> {
        match message {
            SourceMessage::Heartbeat { counter, activity } => self.beat(counter, activity, now),
            SourceMessage::Progress(progress) => self.progress(progress),
            SourceMessage::Problem(problem) => self.problem(problem),
            SourceMessage::KindInfo(_)
            | SourceMessage::SnapshotBegin { .. }
            | SourceMessage::Batch(_)
            | SourceMessage::SnapshotEnd(_)
            | SourceMessage::ScopeGone { .. }
            | SourceMessage::Live { .. }
            | SourceMessage::Drained { .. }
                if matches!(self.phase, Phase::Drained { .. }) =>
            {
                return Err(Violation::AfterDrained);
            }
            SourceMessage::KindInfo(_)
            | SourceMessage::SnapshotBegin { .. }
            | SourceMessage::SnapshotEnd(_)
            | SourceMessage::ScopeGone { .. }
            | SourceMessage::Live { .. }
            | SourceMessage::Drained { .. }
                if let Some(window) = &self.window =>
            {
                return Err(window.is_open());
            }
            SourceMessage::KindInfo(names) => self.kind(names)?,
            SourceMessage::SnapshotBegin {
                scope,
                generation,
                root_identity,
                expected: _,
            } => self.begin(scope, generation, root_identity)?,
            SourceMessage::Batch(batch) => self.batch(batch)?,
            SourceMessage::SnapshotEnd(end) => self.close(end)?,
            SourceMessage::ScopeGone { scope, reason } => self.gone(scope, reason)?,
            SourceMessage::Live { scope } => self.live(scope)?,
            SourceMessage::Drained { last } => self.drained(last)?,
        }
        Ok(())
    }

    fn beat(&mut self, counter: u64, activity: Activity, now: Moment) {
        self.liveness.handle_heartbeat(counter, activity, now);
        self.rest = match activity {
            Activity::Waiting => Rest::Said,
            Activity::Working => Rest::No,
        };
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(until) = progress.rate_limited_until {
            let wait = until.since(self.settings.started_at);
            self.liveness.handle_rate_limit(self.opened_at.plus(wait));
        }
        self.report(Report::Progress(progress));
    }

    fn problem(&mut self, mut problem: Problem) {
        cut(&mut problem.message, MAX_MESSAGE_BYTES);
        cut(&mut problem.detail, MAX_DETAIL_BYTES);
        match &problem.level {
            Level::Source => {
                self.scopes.values_mut().for_each(|scope| scope.spoil(&problem));
                self.complaint = Some(problem.clone());
            }
            Level::Scope(id) => {
                if let Some(scope) = self.scopes.get_mut(id) {
                    scope.spoil(&problem);
                }
            }
            Level::Object => {}
        }
        self.report(Report::Problem(problem));
    }

    fn kind(&mut self, names: KindNames) -> Result<(), Violation> {
        if self.kinds.get(&names.group_kind) == Some(&names) {
            return Ok(());
        }
        within("bytes of a kind", bytes_of(&names), MAX_KIND_BYTES)?;
        let full = self.kinds.len() >= MAX_KINDS;
        if full && !self.kinds.contains_key(&names.group_kind) {
            return Err(Violation::TooMany {
                what: "kinds",
                limit: MAX_KINDS,
            });
        }
        self.kinds.insert(names.group_kind.clone(), names.clone());
        self.submit(Work::Kind(names));
        Ok(())
    }

    fn begin(&mut self, id: ScopeId, generation: Generation, root_identity: String) -> Result<(), Violation> {
        within("bytes of root identity", root_identity.len(), MAX_ROOT_IDENTITY_BYTES)?;
        let begun = |(other, scope): (&ScopeId, &Scope)| *other != id && scope.has_begun();
        if self.scopes.iter().any(begun) {
            self.announced("a second scope", Capability::MultiScope)?;
        }
        if !self.scopes.contains_key(&id) && self.scopes.len() >= MAX_SCOPES {
            return Err(Violation::TooMany {
                what: "scopes",
                limit: MAX_SCOPES,
            });
        }
        let scope = self
            .scopes
            .entry(id.clone())
            .or_insert_with(|| Scope::new(Standing::Unlisted));
        scope.begin(&id, generation)?;
        self.rest = Rest::No;
        let work = Work::BeginGeneration {
            scope: id,
            generation,
            root_identity,
        };
        self.submit(work);
        Ok(())
    }

    fn batch(&mut self, mut batch: Batch) -> Result<(), Violation> {
        let expected = self.last.next();
        if batch.seq != expected {
            return Err(Violation::Sequence {
                expected,
                got: batch.seq,
            });
        }
        self.check_sizes(&batch)?;
        batch.events.iter().try_for_each(|event| self.check_event(event))?;
        self.check_token(batch.token.as_ref())?;
        if batch.generation.is_none() && !batch.events.is_empty() {
            self.announced("a change outside a listing", Capability::Watch)?;
        }
        match self.scopes.get_mut(&batch.scope) {
            Some(scope) => scope.admit(&mut batch)?,
            None => Scope::new(Standing::Unlisted).admit(&mut batch)?,
        }
        let window = Window::going_on(self.window.take(), &batch)?;
        self.last = expected;
        match (batch.more, window) {
            (More::Last, None) => self.submit(Work::Apply(batch)),
            (More::Last, Some(window)) => self.close_window(window, batch),
            (More::Follows, window) => {
                let mut window = window.unwrap_or_else(|| Window::new(batch.scope));
                window.add(batch.events, &self.settings.limits);
                self.window = Some(window);
            }
        }
        Ok(())
    }

    fn close_window(&mut self, window: Window, mut batch: Batch) {
        let id = batch.scope.clone();
        let left_out = window.close(&mut batch, &self.settings.limits);
        self.submit(Work::Apply(batch));
        let Err(problem) = left_out else { return };
        if let Some(scope) = self.scopes.get_mut(&id) {
            scope.handle_deletes_left_out();
        }
        self.report(Report::Problem(problem));
        self.handle_sync(&id, SyncReason::Verify);
    }

    fn close(&mut self, end: SnapshotEnd) -> Result<(), Violation> {
        self.check_token(end.token.as_ref())?;
        let closing = match self.scopes.get_mut(&end.scope) {
            Some(scope) => scope.end(end)?,
            None => Scope::new(Standing::Unlisted).end(end)?,
        };
        match closing.end.outcome {
            Outcome::Complete => self.complaint = None,
            Outcome::Incomplete(_) => {}
        }
        self.submit(Work::EndGeneration(closing.end));
        closing.mismatch.map_or(Ok(()), Err)
    }

    fn gone(&mut self, id: ScopeId, reason: ScopeGone) -> Result<(), Violation> {
        if reason == ScopeGone::ReplacedBy(id.clone()) {
            return Err(Violation::ReplacedByItself(id));
        }
        if let Some(generation) = self.scopes.get_mut(&id).and_then(Scope::go_away) {
            self.submit(Work::EndGeneration(cut_short(&id, generation)));
        }
        self.submit(Work::ScopeGone { scope: id, reason });
        Ok(())
    }

    fn live(&mut self, id: ScopeId) -> Result<(), Violation> {
        let Some(scope) = self.scopes.get_mut(&id) else {
            return Err(Violation::LiveUnlisted(id));
        };
        if scope.go_live(&id)? {
            self.flow.push_live(id);
            self.report_live();
        }
        Ok(())
    }

    fn drained(&mut self, got: Seq) -> Result<(), Violation> {
        if got != self.last {
            return Err(Violation::DrainedAt { last: self.last, got });
        }
        let then = match (&self.phase, self.settings.mode) {
            (Phase::Stopping { .. }, _) => EndCause::Drained,
            (Phase::Open | Phase::Drained { .. } | Phase::Ended, mode) => self.drained_unasked(mode),
        };
        self.phase = Phase::Drained { then };
        Ok(())
    }

    fn drained_unasked(&mut self, mode: Mode) -> EndCause {
        self.rest = Rest::Said;
        match (mode, self.complaint.take()) {
            (Mode::Once, _) if self.is_listed() => EndCause::Finished,
            (Mode::Once | Mode::Full | Mode::Resume, Some(problem)) => EndCause::Ended(problem),
            (Mode::Full | Mode::Resume, None) => EndCause::Drained,
            (Mode::Once, None) => EndCause::Ended(Problem::with_source(
                ProblemCode::Partial,
                "the source finished before it had listed everything",
            )),
        }
    }

    fn submit(&mut self, work: Work) {
        self.flow.push_work(&work);
        self.liveness.handle_taken();
        self.commands.push_back(Command::Submit(work));
    }

    fn announced(&self, what: &'static str, capability: Capability) -> Result<(), Violation> {
        if self.settings.capabilities.contains(&capability) {
            Ok(())
        } else {
            Err(Violation::Unannounced { what, capability })
        }
    }

    fn check_sizes(&self, batch: &Batch) -> Result<(), Violation> {
        let limits = &self.settings.limits;
        within("events in a batch", batch.events.len(), limits.batch_events)?;
        if batch.events.len() > 1 {
            let bytes = batch.events.iter().map(object_bytes).sum();
            within("bytes of objects in a batch", bytes, limits.batch_bytes)?;
        }
        Ok(())
    }

    fn check_event(&self, event: &Event) -> Result<(), Violation> {
        match &event.change {
            Change::Upsert {
                object, content_hash, ..
            } => {
                within("bytes of an object", object.len(), self.settings.limits.object_bytes)?;
                if ContentHash::of(object) != *content_hash {
                    return Err(Violation::Hash(event.provenance.clone()));
                }
                Ok(())
            }
            Change::Seen { .. } => self.announced("an object left out", Capability::Seen),
            Change::Delete { .. } | Change::Ignored { .. } | Change::Failed { .. } => Ok(()),
        }
    }

    fn check_token(&self, token: Option<&Token>) -> Result<(), Violation> {
        let Some(token) = token else { return Ok(()) };
        self.announced("a token", Capability::Resume)?;
        within(
            "bytes of a token",
            token.as_bytes().len(),
            self.settings.limits.token_bytes,
        )
    }
}

/// Only objects count for the limit: what a source counts as its batch is never less.
fn object_bytes(event: &Event) -> usize {
    match &event.change {
        Change::Upsert { object, .. } => object.len(),
        Change::Delete { .. } | Change::Seen { .. } | Change::Ignored { .. } | Change::Failed { .. } => 0,
    }
}

fn bytes_of(names: &KindNames) -> usize {
    let single = [
        &names.group_kind.group,
        &names.group_kind.kind,
        &names.plural,
        &names.singular,
    ];
    let many = [&names.versions, &names.short_names, &names.categories];
    let single = single.into_iter().map(|name| name.len());
    single.chain(many.into_iter().flatten().map(|name| name.len())).sum()
}

/// Cuts at the last whole character within the limit.
fn cut(text: &mut String, limit: usize) {
    text.truncate(text.floor_char_boundary(limit));
}

fn within(what: &'static str, length: usize, limit: usize) -> Result<(), Violation> {
    if length > limit {
        Err(Violation::TooLarge { what, length, limit })
    } else {
        Ok(())
    }
}

fn cut_short(scope: &ScopeId, generation: Generation) -> GenerationEnd {
    let problem = Problem {
        code: ProblemCode::Partial,
        level: Level::Scope(scope.clone()),
        retry: Retry::Never,
        message: "the scope went away while it was listed".to_owned(),
        detail: String::new(),
    };
    GenerationEnd {
        scope: scope.clone(),
        generation,
        outcome: Outcome::Incomplete(problem),
        token: None,
        empty: EmptyListing::Suspicious,
    }
}
