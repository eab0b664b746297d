//! The ways in which a source can break the contract.

use thiserror::Error;

use crate::event::Provenance;
use crate::id::{Generation, ScopeId, Seq};
use crate::problem::{Problem, ProblemCode};
use crate::session::settings::Capability;

/// A broken rule; it ends the session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Violation {
    #[error("batch {got} arrived where batch {expected} was due")]
    Sequence { expected: Seq, got: Seq },
    #[error("{length} {what}; at most {limit} are allowed")]
    TooLarge {
        what: &'static str,
        length: usize,
        limit: usize,
    },
    #[error("{what} without the capability {capability}")]
    Unannounced { what: &'static str, capability: Capability },
    #[error("the object at {} does not have the hash sent with it", place(.0))]
    Hash(Provenance),
    #[error("batch {0} has a token inside a listing")]
    TokenInListing(Seq),
    #[error("batch {seq} goes on in the next one, and has {what}")]
    Unfinished { seq: Seq, what: &'static str },
    #[error("something else came before all deletes of a window of scope {:?} had", .0.as_str())]
    InWindow(ScopeId),
    #[error("scope {:?} began listing {got} while listing {open} was open", .scope.as_str())]
    AlreadyListing {
        scope: ScopeId,
        open: Generation,
        got: Generation,
    },
    #[error("scope {:?} began listing {got} after listing {last}", .scope.as_str())]
    GenerationOrder {
        scope: ScopeId,
        last: Generation,
        got: Generation,
    },
    #[error("listing {generation} of scope {:?} is not open", .scope.as_str())]
    NotListing { scope: ScopeId, generation: Generation },
    #[error("scope {:?} sent a change outside its open listing {open}", .scope.as_str())]
    OutsideListing { scope: ScopeId, open: Generation },
    #[error("scope {:?} sent a change before it was live", .0.as_str())]
    NotLive(ScopeId),
    #[error("scope {:?} went live while listing {open} was open", .scope.as_str())]
    LiveInListing { scope: ScopeId, open: Generation },
    #[error("scope {:?} went live before it was listed", .0.as_str())]
    LiveUnlisted(ScopeId),
    #[error("the counts of listing {generation} of scope {:?} are not those of the events that arrived", .scope.as_str())]
    Counts { scope: ScopeId, generation: Generation },
    #[error("the digest of listing {generation} of scope {:?} is not that of the events that arrived", .scope.as_str())]
    Digest { scope: ScopeId, generation: Generation },
    #[error("scope {:?} is replaced by itself", .0.as_str())]
    ReplacedByItself(ScopeId),
    #[error("more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("drained up to batch {got}, but the last batch was {last}")]
    DrainedAt { last: Seq, got: Seq },
    #[error("a message after the source had drained")]
    AfterDrained,
}

impl Violation {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Hash(_) => ProblemCode::HashMismatch,
            Self::Counts { .. } | Self::Digest { .. } => ProblemCode::CountMismatch,
            Self::Sequence { .. }
            | Self::TooLarge { .. }
            | Self::Unannounced { .. }
            | Self::TokenInListing(_)
            | Self::Unfinished { .. }
            | Self::InWindow(_)
            | Self::AlreadyListing { .. }
            | Self::GenerationOrder { .. }
            | Self::NotListing { .. }
            | Self::OutsideListing { .. }
            | Self::NotLive(_)
            | Self::LiveInListing { .. }
            | Self::LiveUnlisted(_)
            | Self::ReplacedByItself(_)
            | Self::TooMany { .. }
            | Self::DrainedAt { .. }
            | Self::AfterDrained => ProblemCode::ProtocolViolation,
        }
    }
}

impl From<Violation> for Problem {
    fn from(violation: Violation) -> Self {
        Self::with_source(violation.code(), violation.to_string())
    }
}

fn place(at: &Provenance) -> String {
    match at.line {
        0 => format!("{} (document {})", at.path, at.document),
        line => format!("{}:{line}", at.path),
    }
}
