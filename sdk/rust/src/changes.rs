//! The author's handle on one scope while a session lasts: orders in, listings and changes out.

use std::collections::{BTreeMap, HashSet};

use k1s_crash::{Point, pass_by};
use k1s_source_proto::v1::{Key, source_message::Message};
use prost::bytes::Bytes;
use serde::Serialize;

use crate::documents::{Documents, Entry};
use crate::known::document_version;
use crate::object::{ObjectLimits, Verdict, judge};
use crate::orders::Inbox;
use crate::outlet::{Outlet, What};
use crate::scribe::Scribe;
use crate::{At, Code, Gone, Ignore, KindInfo, Known, Problem, Progress, SnapshotWriter};

/// Why the host orders a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The session begins.
    First,
    /// A person asked.
    Requested,
    /// The interval passed.
    Interval,
    /// What the source believes to be known is not; nothing counts as seen.
    ForgetKnown,
    /// The host wants to be sure.
    Verify,
    /// The source itself lost track.
    Own,
}

/// An order to list a scope, or to go on from a token.
#[derive(Debug)]
#[must_use = "the host waits for the listing that it ordered"]
pub struct Order {
    generation: u64,
    reason: Reason,
    token: Option<Bytes>,
}

impl Order {
    pub(crate) fn new(generation: u64, reason: Reason, token: Option<Bytes>) -> Self {
        Self {
            generation,
            reason,
            token,
        }
    }

    /// Returns why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the token to go on from, in place of listing. Where it is no longer good, report
    /// [`Code::ResumeRejected`] and list.
    #[must_use]
    pub fn token(&self) -> Option<&Bytes> {
        self.token.as_ref()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn forgets(&self) -> bool {
        self.reason == Reason::ForgetKnown
    }
}

/// Orders in, listings and changes out, for one scope.
#[derive(Debug)]
pub struct Changes {
    scribe: Scribe,
    orders: Inbox,
    /// An order received and not yet given to the author.
    next: Option<Order>,
}

impl Changes {
    pub(crate) fn new(scribe: Scribe, orders: Inbox) -> Self {
        Self {
            scribe,
            orders,
            next: None,
        }
    }

    /// Waits for the next order; none when the host asked to stop. Dropping the wait loses nothing, so it can stand
    /// in a `select!`. The source counts as waiting from here until its next call of any kind.
    pub async fn order(&mut self) -> Option<Order> {
        self.receive().await;
        self.next.take()
    }

    /// Waits until there is an order, and keeps it for [`order`](Self::order).
    pub(crate) async fn receive(&mut self) {
        if self.next.is_some() || self.scribe.close_abandoned().await.is_err() {
            return;
        }
        if !self.scribe.outlet.is_stopped() {
            // What waits is taken before it is said that nothing does.
            self.next = self.orders.waiting();
        }
        if self.next.is_some() {
            self.scribe.outlet.hint_working();
            return;
        }
        if self.scribe.outlet.say(What::Waiting).await.is_err() {
            return;
        }
        tokio::select! {
            biased;
            () = self.scribe.outlet.stopped() => {}
            order = self.orders.recv() => self.next = order,
        }
        if self.next.is_some() {
            self.scribe.outlet.hint_working();
        }
    }

    /// Returns the way of everything that is said through this handle.
    pub(crate) fn outlet(&self) -> Outlet {
        self.scribe.outlet.clone()
    }

    /// Ends a listing that is open as incomplete, and says why.
    pub(crate) async fn fail(&mut self, problem: &Problem) -> Result<(), Problem> {
        if self.scribe.outlet.is_stopped() {
            return Err(Problem::stopped());
        }
        tracing::warn!(scope = %self.scribe.scope(), code = ?problem.code(), "the source failed");
        self.scribe.fail(problem).await
    }

    pub(crate) fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Returns an order to list again that the source gives itself, because it can no longer tell what changed: events
    /// were lost, or the place came back. One of the host's that waits is returned in its stead.
    pub fn relist(&mut self) -> Order {
        self.next.take().unwrap_or_else(|| self.orders.own())
    }

    /// Begins the listing that answers `order`. It ends with [`SnapshotWriter::end`]; dropped before, it is
    /// incomplete.
    #[must_use]
    pub fn begin(&mut self, order: Order) -> SnapshotWriter<'_> {
        SnapshotWriter::new(&mut self.scribe, &order)
    }

    /// Begins changes that belong together: one debounced burst, one page, one commit.
    pub fn window(&mut self) -> Window<'_> {
        Window {
            scribe: &mut self.scribe,
            sent: HashSet::new(),
            deletes: BTreeMap::new(),
        }
    }

    /// Says that this scope has gone on from its token and what follows are changes. After a listing, and with the
    /// first window, it is said without asking.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn live(&mut self) -> Result<(), Problem> {
        self.scribe.go_live().await
    }

    /// Reports a problem of the whole scope, or of the source if its level says so, and goes on.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn report(&mut self, problem: &Problem) -> Result<(), Problem> {
        self.scribe.close_abandoned().await?;
        self.scribe.problem(problem).await
    }

    /// Proves that the source is alive, and says what it is doing.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn progress(&mut self, progress: Progress) -> Result<(), Problem> {
        self.scribe.progress(progress).await
    }

    /// Describes a kind that neither Kubernetes nor a CustomResourceDefinition describes, before its first object.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn kind(&mut self, kind: KindInfo) -> Result<(), Problem> {
        self.scribe.message(Message::KindInfo(kind)).await
    }

    /// Says that this scope is no more; its objects are kept. Listed again, it is back.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn gone(&mut self, why: Gone) -> Result<(), Problem> {
        let gone = why.into_wire(self.scribe.scope());
        self.scribe.rest();
        self.scribe.message(Message::ScopeGone(gone)).await
    }

    /// Returns what the host holds of this scope, as far as it is known.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.scribe.known
    }

    /// Returns the limits to give to [`Documents::parse`].
    #[must_use]
    pub fn limits(&self) -> ObjectLimits {
        self.scribe.limits.object
    }
}

/// Changes that belong together. Upserts go at once, deletes when it is sent, and not for keys declared meanwhile.
///
/// Which of two declarations of one key is used, and that a key really is no longer declared, is the source's to
/// know here. Dropping a window keeps its deletes back.
#[derive(Debug)]
#[must_use = "deletes are kept back until the window is sent"]
pub struct Window<'c> {
    scribe: &'c mut Scribe,
    sent: HashSet<Key>,
    deletes: BTreeMap<Key, (At, String)>,
}

impl Window<'_> {
    /// Declares one object, or each item of a list; see [`SnapshotWriter::object`].
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn object(&mut self, object: impl Serialize, at: At) -> Result<(), Problem> {
        let verdicts = match serde_json::to_value(object) {
            Ok(value) => judge(value, &self.scribe.limits.object),
            Err(error) => vec![Verdict::Failed {
                key: None,
                problem: Problem::new(Code::DataInvalid, error.to_string()),
            }],
        };
        for verdict in verdicts {
            self.declare(verdict, &at).await?;
        }
        Ok(())
    }

    /// Declares every object of a stream, the whole content of `at`'s path; see [`SnapshotWriter::yaml`].
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn yaml(&mut self, stream: &[u8], at: At) -> Result<(), Problem> {
        let documents = Documents::parse(stream, &self.scribe.limits.object);
        self.documents(documents, at).await
    }

    /// Declares what was parsed before; see [`SnapshotWriter::yaml`].
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn documents(&mut self, documents: Documents, at: At) -> Result<(), Problem> {
        self.documents_unless(documents, at, |_| None).await
    }

    /// Declares what was parsed before, but for the keys that `winner` names another place for: those are reported as
    /// DUPLICATE_KEY. So are keys that the stream itself declares more than once; the first is used.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn documents_unless(
        &mut self,
        documents: Documents,
        at: At,
        winner: impl Fn(&Key) -> Option<At>,
    ) -> Result<(), Problem> {
        let count = documents.entries.len();
        let mut declared: BTreeMap<Key, At> = BTreeMap::new();
        for (index, entry) in documents.entries.into_iter().enumerate() {
            pass_by(|| (index > 0).then_some(Point::K5));
            let Entry {
                verdict,
                document,
                line,
                column,
            } = entry;
            let version = document_version(&at.version, index, count);
            let at = At {
                document,
                line,
                column,
                version,
                ..at.clone()
            };
            let verdict = match verdict {
                Verdict::Object(object) => match declared.get(&object.key).cloned().or_else(|| winner(&object.key)) {
                    Some(winner) => Verdict::Failed {
                        problem: Problem::duplicate_key(&object.key, &winner),
                        key: Some(object.key),
                    },
                    None => {
                        declared.insert(object.key.clone(), at.clone());
                        Verdict::Object(object)
                    }
                },
                Verdict::Ignored(_) | Verdict::Failed { .. } => verdict,
            };
            self.declare(verdict, &at).await?;
        }
        Ok(())
    }

    /// Returns what the host holds of this scope, as far as it is known, with what this window has declared.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.scribe.known
    }

    /// Says that something is not meant to be an object.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn ignored(&mut self, at: At, ignore: Ignore) -> Result<(), Problem> {
        self.declare(Verdict::Ignored(ignore), &at).await
    }

    /// Says that something could not be read; what it declared before stays.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn failed(&mut self, at: At, problem: Problem) -> Result<(), Problem> {
        self.declare(Verdict::Failed { key: None, problem }, &at).await
    }

    /// Says that the object of `key` could not be read, or lost against another declaration; it stays.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn failed_object(&mut self, key: Key, at: At, problem: Problem) -> Result<(), Problem> {
        self.declare(
            Verdict::Failed {
                key: Some(key),
                problem,
            },
            &at,
        )
        .await
    }

    /// Notes that `key` is no longer declared. Only after it was so for the host's settle time, with no event
    /// pending and the path read again.
    pub fn deleted(&mut self, key: Key, at: At, reason: impl Into<String>) {
        if !self.sent.contains(&key) {
            self.deletes.insert(key, (at, reason.into()));
        }
    }

    /// Sends the deletes, and then where to go on, if the source can resume.
    ///
    /// # Errors
    /// Fails when the session is over; refuses a token of more than 4 KiB.
    pub async fn send(self, token: Option<Bytes>) -> Result<(), Problem> {
        let token = token.map(|token| self.scribe.checked(token)).transpose()?;
        if !self.deletes.is_empty() || token.is_some() {
            self.scribe.go_live().await?;
        }
        if !self.deletes.is_empty() {
            return self.scribe.deleted_together(self.deletes, token).await;
        }
        match token {
            Some(token) => self.scribe.say(What::Token(token)).await,
            None => self.scribe.outlet.flush().await,
        }
    }

    async fn declare(&mut self, verdict: Verdict, at: &At) -> Result<(), Problem> {
        self.scribe.go_live().await?;
        match verdict {
            Verdict::Object(object) => {
                self.deletes.remove(&object.key);
                self.sent.insert(object.key.clone());
                self.scribe.upsert(object, at, 0).await
            }
            Verdict::Ignored(ignore) => self.scribe.ignored(at, ignore).await,
            Verdict::Failed { key, problem } => self.scribe.failed(key, at, &problem, 0).await,
        }
    }
}
