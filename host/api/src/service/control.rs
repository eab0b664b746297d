//! Changes of control objects: what of them can be written, and how that reaches the host.
//!
//! Nothing is written here. A request becomes an [`Order`], the host carries it out, and the board shows what came of it;
//! an answer with an object waits until the board does, because a client takes what it gets for what is so.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use k1s_store::StoreError;
use k1s_store::command::CommandError;
use k1s_sync_engine::id::SourceName;
use serde_json::Value;
use tokio::time::timeout;

use super::body::Sent;
use super::failure::{Cause, CauseReason, Failure, Named};
use super::request::Resource;
use super::{Body, Parts, accept, user};
use crate::board::{Board, ControlKey};
use crate::control::{Order, OrderError, OrderOutcome};
use crate::object::{ControlKind, Subresource};

mod merge;
mod patch;
mod post;
mod pruned;

pub(crate) use patch::patch;

/// How long an answer waits for the board to show what was ordered; then it shows what the board has.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// What a path names below a control object.
pub(crate) fn below(kind: ControlKind, name: &str) -> Option<Subresource> {
    let mut below = kind.subresources().iter().copied();
    below.find(|subresource| subresource.name() == name)
}

/// The methods of a subresource.
pub(crate) const fn method(subresource: Subresource) -> &'static str {
    match subresource {
        Subresource::Sync | Subresource::Reset | Subresource::Approve | Subresource::Undo => "POST",
        Subresource::Objects => "GET, HEAD",
    }
}

/// Answers a request for something below a control object.
///
/// # Errors
/// Why it is refused.
pub(crate) async fn below_one(
    parts: &Arc<Parts>,
    subresource: Subresource,
    name: &str,
    sent: &Sent,
) -> Result<Response<Body>, Failure> {
    accept::plain(&sent.headers)?;
    match subresource {
        Subresource::Sync => post::sync(parts, name, sent).await,
        Subresource::Reset => post::reset(parts, name, sent).await,
        Subresource::Approve => post::approve(parts, name, sent).await,
        Subresource::Undo => post::undo(parts, name, sent).await,
        Subresource::Objects => pruned::objects(parts, name).await,
    }
}

/// A control object that a request names.
#[derive(Clone, Copy, Debug)]
struct Target<'r> {
    kind: ControlKind,
    name: &'r str,
}

/// Whether something is done, or only checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Real,
    Dry,
}

impl Run {
    /// Reads `dryRun`; `options` is the kind that carries it in Kubernetes.
    fn of(sent: &Sent, options: &str) -> Result<Self, Failure> {
        let mut wanted = sent.query.all("dryRun").peekable();
        if wanted.peek().is_none() {
            return Ok(Self::Real);
        }
        match wanted.find(|value| *value != "All") {
            None => Ok(Self::Dry),
            Some(value) => Err(Failure::Invalid {
                kind: options.into(),
                name: "".into(),
                causes: vec![Cause::new(
                    CauseReason::NotSupported,
                    "dryRun",
                    format!("{value:?}: supported values: \"All\""),
                )],
            }),
        }
    }
}

impl<'r> Target<'r> {
    const fn source(name: &'r str) -> Self {
        Self {
            kind: ControlKind::Source,
            name,
        }
    }

    const fn prune(name: &'r str) -> Self {
        Self {
            kind: ControlKind::HeldPrune,
            name,
        }
    }

    fn named(self) -> Named {
        Resource::Control(self.kind).named()
    }

    fn key(self) -> ControlKey {
        ControlKey {
            kind: self.kind,
            name: self.name.into(),
        }
    }

    fn source_name(self) -> Result<SourceName, Failure> {
        SourceName::new(self.name).map_err(|_| self.not_found())
    }

    fn not_found(self) -> Failure {
        Failure::NotFound {
            of: self.named(),
            name: self.name.into(),
        }
    }

    fn conflict(self, why: impl Into<Box<str>>) -> Failure {
        Failure::Conflict {
            of: self.named(),
            name: self.name.into(),
            why: why.into(),
        }
    }

    fn invalid(self, causes: Vec<Cause>) -> Failure {
        Failure::Invalid {
            kind: format!("{}.{}", self.kind.kind(), crate::object::GROUP).into(),
            name: self.name.into(),
            causes,
        }
    }

    /// Has an order carried out.
    async fn order(self, parts: &Parts, order: Order, user: &str) -> Result<OrderOutcome, Failure> {
        let outcome = parts.control.order(order, user.into()).await;
        outcome.map_err(|error| self.refused(error))
    }

    fn refused(self, error: OrderError) -> Failure {
        match error {
            OrderError::Store(error) => self.failed(error),
            OrderError::NotRunning { why, .. } => self.conflict(format!("it cannot be synced now: {why}")),
            OrderError::NoDaemon | OrderError::Stopping => Failure::Unavailable(error.to_string().into()),
        }
    }

    fn failed(self, error: StoreError) -> Failure {
        if let StoreError::Command(refused) = &error {
            self.misdirected(refused)
        } else {
            error.into()
        }
    }

    /// A command that does not fit what is stored.
    fn misdirected(self, refused: &CommandError) -> Failure {
        let why = refused.to_string();
        match refused {
            CommandError::UnknownPrune { .. } | CommandError::UnknownSource { .. } => Failure::NoneSuch {
                of: self.named(),
                name: self.name.into(),
                why: why.into(),
            },
            CommandError::AmbiguousPrune { .. } | CommandError::NotHeld { .. } | CommandError::StillHeld { .. } => {
                self.conflict(why)
            }
        }
    }

    /// The object, once it shows what is wanted, or as it is when that takes too long.
    async fn shown(self, board: &Board, is_shown: impl Fn(&Value) -> bool) -> Result<Arc<Value>, Failure> {
        let key = self.key();
        let mut board = board.clone();
        let watched = board.clone();
        let waiting = async {
            loop {
                let seen = board.version();
                let found = board.get(&key).is_some_and(|object| is_shown(&object.body));
                if found || !board.changed(seen).await {
                    return;
                }
            }
        };
        // Late is no failure: the order was carried out, and the board says what it knows.
        drop(timeout(SHOWN_WITHIN, waiting).await);
        watched
            .get(&key)
            .map(|object| object.body)
            .ok_or_else(|| self.not_found())
    }
}

/// The text of the annotation that asks for a listing.
fn requested_at(object: &Value) -> Option<&str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(crate::object::REQUESTED_AT)?
        .as_str()
}

/// Who asks, for the record.
fn user(sent: &Sent, options: &str) -> Result<Box<str>, Failure> {
    user::name(&sent.query, &sent.headers, options)
}
