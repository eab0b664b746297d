//! What a session did, without its prose.

use std::collections::BTreeSet;

use k1s_sync_engine::id::{Generation, ScopeId, Seq, Token};
use k1s_sync_engine::message::{EmptyListing, HostMessage, SyncReason};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::{Command, EndCause, Report};
use k1s_sync_engine::work::{Outcome, Work};

/// A command without its prose.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Work(Work),
    Close {
        scope: ScopeId,
        generation: Generation,
        /// Why not, if it proved nothing.
        flaw: Option<ProblemCode>,
        token: Option<Token>,
        empty: EmptyListing,
    },
    Ack(Seq),
    Nack(Seq),
    Sync(ScopeId, SyncReason),
    Live(ScopeId),
    Progress,
    Problem(ProblemCode),
    Closed(ScopeId, Generation),
    Drained,
    Finished,
    /// One of these classes; which one, when several rules are broken at once, is left open.
    Violation(BTreeSet<ProblemCode>),
    Ended(ProblemCode),
}

impl Shape {
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::Submit(work) => Self::of_work(work),
            Command::Send(HostMessage::Ack(seq)) => Self::Ack(*seq),
            Command::Send(HostMessage::Nack { seq, .. }) => Self::Nack(*seq),
            Command::Send(other) => panic!("a session does not send {other:?}"),
            Command::RequestSync { scope, reason } => Self::Sync(scope.clone(), *reason),
            Command::Report(Report::Live(scope)) => Self::Live(scope.clone()),
            Command::Report(Report::Progress(_)) => Self::Progress,
            Command::Report(Report::Problem(problem)) => Self::Problem(problem.code),
            Command::Report(Report::GenerationClosed(closed)) => Self::Closed(closed.scope.clone(), closed.generation),
            Command::Report(Report::Met(demand)) => panic!("nobody demanded {demand:?}"),
            Command::End(EndCause::Drained) => Self::Drained,
            Command::End(EndCause::Finished) => Self::Finished,
            Command::End(EndCause::Violation(problem)) => Self::Violation(BTreeSet::from([problem.code])),
            Command::End(EndCause::Ended(problem) | EndCause::Hung(problem)) => Self::Ended(problem.code),
        }
    }

    fn of_work(work: &Work) -> Self {
        match work {
            Work::EndGeneration(end) => Self::Close {
                scope: end.scope.clone(),
                generation: end.generation,
                flaw: match &end.outcome {
                    Outcome::Complete => None,
                    Outcome::Incomplete(problem) => Some(problem.code),
                },
                token: end.token.clone(),
                empty: end.empty,
            },
            Work::Kind(_) | Work::BeginGeneration { .. } | Work::Apply(_) | Work::ScopeGone { .. } => {
                Self::Work(work.clone())
            }
        }
    }

    /// Whether a session that did this did what is expected.
    pub(crate) fn fulfils(&self, expected: &Self) -> bool {
        match (self, expected) {
            (Self::Violation(found), Self::Violation(allowed)) => found.is_subset(allowed),
            (found, expected) => found == expected,
        }
    }

    pub(super) fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Drained | Self::Finished | Self::Violation(_) | Self::Ended(_)
        )
    }
}
