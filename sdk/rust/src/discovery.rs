//! The scopes of a place that only the place can tell: what a source that discovers them says, and who obeys it.
//!
//! Does not start anything: each scope that is opened is a wish to the session, which owns the loops. At most
//! [`WISHES`] wait; then the discovering loop waits as well.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k1s_source_proto::limits::HEARTBEAT;
use k1s_source_proto::v1::{self, source_message::Message};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::caught::caught;
use crate::outlet::{Outlet, What};
use crate::problem::Level;
use crate::redactor::Redactor;
use crate::session::Initialized;
use crate::{Code, Problem, Scope, Source};

/// Most wishes that wait for the session.
pub(crate) const WISHES: usize = 64;
/// How long after the first failure the place is asked again; twice as long after each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest time between two tries.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// What a discovering loop wants of the session.
#[derive(Debug)]
pub(crate) enum Wish {
    /// A loop for this scope, unless there is one.
    Open(Scope),
    /// The place could not be asked.
    Failed,
}

/// Why a scope is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The configuration no longer selects it.
    Deselected,
    /// The place no longer serves it.
    Unsupported,
    /// This scope has its objects now: it takes them over, and its next listing says which of them are still there.
    ReplacedBy(Scope),
}

impl Gone {
    pub(crate) fn into_wire(self, scope: &Scope) -> v1::ScopeGone {
        let (reason, successor) = match self {
            Self::Deselected => (v1::scope_gone::Reason::Deselected, None),
            Self::Unsupported => (v1::scope_gone::Reason::Unsupported, None),
            Self::ReplacedBy(successor) => (v1::scope_gone::Reason::ReplacedBy, Some(successor)),
        };
        v1::ScopeGone {
            scope: scope.id().to_owned(),
            reason: reason.into(),
            replaced_by: successor.map(|successor| successor.id().to_owned()).unwrap_or_default(),
        }
    }
}

/// Tells the session which scopes a place has.
#[derive(Debug)]
pub struct Scopes {
    wishes: mpsc::Sender<Wish>,
    /// Its scope is nobody's: what is said through it concerns the whole source.
    outlet: Outlet,
    redactor: Arc<Redactor>,
    opened: BTreeSet<Scope>,
    /// What the host holds something of and was not opened.
    unopened: BTreeSet<Scope>,
    is_working: bool,
}

impl Scopes {
    pub(crate) fn new(
        wishes: mpsc::Sender<Wish>,
        outlet: Outlet,
        redactor: Arc<Redactor>,
        unopened: BTreeSet<Scope>,
    ) -> Self {
        Self {
            wishes,
            outlet,
            redactor,
            opened: BTreeSet::new(),
            unopened,
            is_working: true,
        }
    }

    /// Returns the scopes that the host holds something of and that were not opened, in order.
    pub fn unopened(&self) -> impl Iterator<Item = &Scope> {
        self.unopened.iter()
    }

    /// Has a scope listed and watched from here on. Nothing happens if it is already.
    ///
    /// # Errors
    /// Fails when the session is over; refuses a scope of more than 256 bytes.
    pub async fn open(&mut self, scope: Scope) -> Result<(), Problem> {
        if !scope.is_valid() {
            return Err(Problem::new(
                Code::Internal,
                format!("a scope of {} bytes", scope.id().len()),
            ));
        }
        self.unopened.remove(&scope);
        if !self.opened.insert(scope.clone()) {
            return Ok(());
        }
        // Before its loop exists, so that the source does not seem to rest in between.
        self.outlet.of(scope.clone()).say(What::Working).await?;
        self.wishes
            .send(Wish::Open(scope))
            .await
            .map_err(|_| Problem::stopped())
    }

    /// Says that a scope that was not opened is no more; its objects are kept.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn gone(&mut self, scope: &Scope, why: Gone) -> Result<(), Problem> {
        self.unopened.remove(scope);
        give_up(&self.outlet, scope, why).await
    }

    /// Reports a problem of the whole source, and goes on.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn report(&mut self, problem: &Problem) -> Result<(), Problem> {
        let problem = problem.clone().map_text(|text| self.redactor.clean(text));
        let problem = problem.to_wire(Level::Source, "");
        self.outlet.say(What::Message(Message::Problem(problem))).await
    }

    /// Says that every scope known by now was opened, and waits for what `change` tells; none when the host asked to
    /// stop. Until then the source counts as working, and a host that lists once waits for it.
    pub async fn until<T>(&mut self, change: impl Future<Output = T>) -> Option<T> {
        self.outlet.say(What::Waiting).await.ok()?;
        self.is_working = false;
        let change = self.working(change).await?;
        self.is_working = true;
        self.outlet.hint_working();
        Some(change)
    }

    /// Waits for what `work` brings, before every scope is known; none when the host asked to stop.
    pub async fn working<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.outlet.stopped() => return None,
                done = &mut work => return Some(done),
                // A source that works and says nothing counts as hung.
                () = sleep(HEARTBEAT), if self.is_working => self.outlet.hint_working(),
            }
        }
    }
}

/// Says that a scope is no more.
pub(crate) async fn give_up(outlet: &Outlet, scope: &Scope, why: Gone) -> Result<(), Problem> {
    let gone = Message::ScopeGone(why.into_wire(scope));
    outlet.say(What::Message(gone)).await
}

/// Has a source discover until the session ends; what it fails with is told, and it is asked again later.
pub(crate) async fn run<S: Source>(initialized: Arc<Initialized<S>>, mut scopes: Scopes) {
    let mut pause = FIRST_RETRY;
    let mut said: Option<Problem> = None;
    loop {
        scopes.outlet.hint_working();
        let result = caught(initialized.source.discover(&mut scopes)).await;
        let problem = match result {
            Ok(Ok(())) => return,
            Ok(Err(problem)) | Err(problem) => problem,
        };
        // A problem of the source spoils every listing that is open: it is said once.
        let told = match said.as_ref() == Some(&problem) {
            true => Ok(()),
            false => scopes.report(&problem).await,
        };
        said = Some(problem);
        if told.is_err() || scopes.wishes.send(Wish::Failed).await.is_err() {
            return;
        }
        if scopes.until(sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(LAST_RETRY);
    }
}
