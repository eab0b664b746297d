//! The author's handle on one listing.

use std::time::Instant;

use k1s_crash::{Point, pass_by};
use k1s_source_proto::v1::{self, Key, source_message::Message};
use prost::bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::declared::{Declared, Settled, Standing};
use crate::documents::{Documents, Entry};
use crate::known::{Finding, bounded_path_version, bounded_version, document_version, parts};
use crate::object::{ObjectLimits, Verdict, judge};
use crate::outlet::What;
use crate::progress::Throttle;
use crate::scribe::{Abandoned, Scribe};
use crate::{At, Code, Ignore, KindInfo, Known, Order, Problem, Progress};

/// Declares what one scope holds.
///
/// What is not declared before the listing ends is gone. Every call may wait for the host to keep up, and fails only
/// when the session is over: pass that on with `?`. A second declaration of one key in one listing is reported as
/// DUPLICATE_KEY: the path that the host applied now keeps the key until the end, then the lowest path wins.
#[derive(Debug)]
pub struct SnapshotWriter<'c> {
    scribe: &'c mut Scribe,
    generation: u64,
    stage: Stage,
    declared: Declared,
    /// The entries of one path; kept for its memory.
    held: Vec<u32>,
    throttle: Throttle,
    token: Option<Bytes>,
    empty_is_intentional: bool,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was sent.
    New {
        root_identity: String,
        expected: Option<u64>,
    },
    Begun,
    Ended,
}

impl<'c> SnapshotWriter<'c> {
    pub(crate) fn new(scribe: &'c mut Scribe, order: &Order) -> Self {
        if order.forgets() {
            scribe.known.forget_versions();
        }
        Self {
            scribe,
            generation: order.generation(),
            stage: Stage::New {
                root_identity: String::new(),
                expected: None,
            },
            declared: Declared::default(),
            held: Vec::new(),
            throttle: Throttle::default(),
            token: None,
            empty_is_intentional: false,
        }
    }

    /// Says what makes this place this place: the content of a marker, the UID of a cluster; never something that
    /// changes with the content. While it differs from what the host knows, nothing is deleted.
    ///
    /// # Errors
    /// Refuses once anything was declared.
    pub fn root_identity(&mut self, identity: impl Into<String>) -> Result<(), Problem> {
        match &mut self.stage {
            Stage::New { root_identity, .. } => *root_identity = identity.into(),
            Stage::Begun | Stage::Ended => return Err(too_late("root_identity")),
        }
        Ok(())
    }

    /// Says how many events will come, where that is known.
    ///
    /// # Errors
    /// Refuses once anything was declared.
    pub fn expected(&mut self, events: u64) -> Result<(), Problem> {
        match &mut self.stage {
            Stage::New { expected, .. } => *expected = Some(events),
            Stage::Begun | Stage::Ended => return Err(too_late("expected")),
        }
        Ok(())
    }

    /// Says that the place may be empty on purpose: then the host may delete everything it has of it.
    pub fn empty_is_intentional(&mut self) {
        self.empty_is_intentional = true;
    }

    /// Sets where to go on after this listing (needs [`Capability::Resume`](crate::Capability::Resume)).
    ///
    /// # Errors
    /// Refuses more than 4 KiB.
    pub fn token(&mut self, token: impl Into<Bytes>) -> Result<(), Problem> {
        self.token = Some(self.scribe.checked(token.into())?);
        Ok(())
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

    /// Describes a kind that neither Kubernetes nor a CustomResourceDefinition describes, before its first object.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn kind(&mut self, kind: KindInfo) -> Result<(), Problem> {
        self.scribe.message(Message::KindInfo(kind)).await
    }

    /// Declares one object, or each item of a list. What is no object is reported, not returned.
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
            self.declare(verdict, at.clone(), 0).await?;
        }
        Ok(())
    }

    /// Declares one object of a place that by its nature has each key once, such as a cluster or a table: nothing is
    /// remembered of it, so that memory does not grow with the listing. Said again, it replaces what was said.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn distinct(&mut self, object: Value, at: At) -> Result<(), Problem> {
        for verdict in judge(object, &self.scribe.limits.object) {
            self.begin().await?;
            match verdict {
                Verdict::Object(object) => self.scribe.upsert(object, &at, self.generation).await?,
                Verdict::Ignored(ignore) => self.scribe.ignored(&at, ignore).await?,
                Verdict::Failed { key, problem } => self.scribe.failed(key, &at, &problem, self.generation).await?,
            }
        }
        Ok(())
    }

    /// Declares every object of a stream of YAML or JSON, which is the whole content of `at`'s path. Documents that
    /// are no objects are ignored or reported one by one.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn yaml(&mut self, stream: &[u8], at: At) -> Result<(), Problem> {
        let documents = Documents::parse(stream, &self.scribe.limits.object);
        self.documents(documents, at).await
    }

    /// Declares what was parsed before; see [`yaml`](Self::yaml).
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn documents(&mut self, documents: Documents, at: At) -> Result<(), Problem> {
        let call = self.declared.next_call();
        let count = documents.entries.len();
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
            self.declare(verdict, at, call).await?;
        }
        Ok(())
    }

    /// Says that nothing of `at`'s path has changed since it had `at`'s version (needs
    /// [`Capability::Seen`](crate::Capability::Seen)). False means that the host does not
    /// hold the whole path at that version, or not this source's to say; then read it and declare it.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn unchanged(&mut self, at: &At) -> Result<bool, Problem> {
        self.unchanged_as_found(at, None).await
    }

    /// Says the same of a path of which was found before what the host holds ([`Known::find_path`]); it costs less.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn unchanged_as_found(&mut self, at: &At, found: Option<Finding>) -> Result<bool, Problem> {
        let known = &self.scribe.known;
        if !self.scribe.habits.sees || at.version.is_empty() {
            return Ok(false);
        }
        known.collect_at(&at.path, &bounded_path_version(&at.version), found, &mut self.held);
        let mut keys = self.held.iter().filter_map(|entry| known.key_at(*entry));
        if self.held.is_empty() || !keys.all(|key| self.declared.may_see(&key, &at.path)) {
            return Ok(false);
        }
        self.begin().await?;
        for entry in &self.held {
            self.scribe.seen(*entry, &at.path, self.generation).await?;
        }
        Ok(true)
    }

    /// Says that the object of `key` is unchanged since `at`'s version. False means that the host does not hold it
    /// at that version; then declare it.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn seen(&mut self, key: &Key, at: &At) -> Result<bool, Problem> {
        let version = bounded_version(&at.version);
        if !self.scribe.habits.sees || version.is_empty() || self.scribe.known.version(key) != Some(&version) {
            return Ok(false);
        }
        let Some(entry) = self.scribe.known.entry_of(key) else {
            return Ok(false);
        };
        self.recall(key);
        if !self.declared.may_see(&parts(key), &at.path) {
            return Ok(false);
        }
        self.declared.saw(&parts(key), &at.path);
        self.begin().await?;
        self.scribe.seen(entry, &at.path, self.generation).await?;
        Ok(true)
    }

    /// Returns what the host holds and this listing has not mentioned so far, with the paths that declared it, in no
    /// order.
    pub fn unmentioned(&self) -> impl Iterator<Item = (Key, &str)> {
        self.scribe.known.untouched(self.generation)
    }

    /// Says that something is not meant to be an object.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn ignored(&mut self, at: At, ignore: Ignore) -> Result<(), Problem> {
        self.begin().await?;
        self.scribe.ignored(&at, ignore).await
    }

    /// Says that something could not be read: everything that `at`'s path declared before stays. Without a path
    /// nothing at all is deleted.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn failed(&mut self, at: At, problem: Problem) -> Result<(), Problem> {
        self.declare(Verdict::Failed { key: None, problem }, at, 0).await
    }

    /// Says that the object of `key` could not be read: it stays.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn failed_object(&mut self, key: Key, at: At, problem: Problem) -> Result<(), Problem> {
        self.declare(
            Verdict::Failed {
                key: Some(key),
                problem,
            },
            at,
            0,
        )
        .await
    }

    /// Says that an object declared in this listing vanished while it went on.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn deleted(&mut self, key: Key, at: At, reason: impl Into<String>) -> Result<(), Problem> {
        self.begin().await?;
        self.declared.deleted(&key);
        self.scribe.deleted(key, &at, reason.into()).await
    }

    /// Says how far the listing is; call it as often as is convenient, at most ten a second are sent. It also proves
    /// that the source is alive, so call it in long silent work. What may be said only before the first declaration may
    /// still be said afterwards.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn progress(&mut self, progress: Progress) -> Result<(), Problem> {
        if !self.throttle.admits(&progress, Instant::now()) {
            return Ok(());
        }
        self.scribe.progress(progress).await
    }

    /// Ends the listing: whole with `Ok`, without something otherwise. [`Source::snapshot`](crate::Source::snapshot)
    /// returning does it; only a loop that called [`Changes::begin`](crate::Changes::begin) itself calls this.
    ///
    /// # Errors
    /// Fails when the session is over.
    pub async fn end(mut self, result: Result<(), Problem>) -> Result<(), Problem> {
        let result = match result {
            Ok(()) => self.settle().await,
            Err(problem) => Err(problem),
        };
        self.begin().await?;
        if let Err(problem) = &result {
            self.scribe.problem(problem).await?;
        }
        let outcome = result.as_ref().map_err(Problem::code).copied();
        let token = self.token.take();
        let end = What::End {
            outcome,
            token,
            empty_is_intentional: self.empty_is_intentional,
        };
        self.scribe.outlet.close(end).await?;
        self.stage = Stage::Ended;
        if outcome.is_ok() {
            let Self {
                scribe,
                declared,
                generation,
                ..
            } = &mut self;
            scribe.known.complete(*generation, |path| declared.has_failed(path));
        }
        self.scribe.go_live().await
    }

    async fn begin(&mut self) -> Result<(), Problem> {
        if let Some(begin) = self.opening() {
            self.scribe.say(What::Begin(Box::new(begin))).await?;
            self.stage = Stage::Begun;
        }
        Ok(())
    }

    /// Returns how the listing begins, if it has not yet.
    fn opening(&self) -> Option<v1::SnapshotBegin> {
        let (root_identity, expected) = match &self.stage {
            Stage::New {
                root_identity,
                expected,
            } => (root_identity.clone(), *expected),
            Stage::Begun | Stage::Ended => return None,
        };
        let scope = self.scribe.scope().id().to_owned();
        Some(v1::SnapshotBegin {
            scope,
            generation: self.generation,
            root_identity,
            expected,
        })
    }

    /// Gives a key its place that was only said to be unchanged: most never need one.
    fn recall(&mut self, key: &Key) {
        if let Some(path) = self.scribe.known.seen_at(key, self.generation) {
            self.declared.saw(&parts(key), path);
        }
    }

    async fn declare(&mut self, verdict: Verdict, at: At, call: u32) -> Result<(), Problem> {
        self.begin().await?;
        match verdict {
            Verdict::Object(object) => {
                self.recall(&object.key);
                let owner = self.scribe.known.owner(&object.key).filter(|owner| !owner.is_empty());
                match self.declared.declare(&object, &at, call, owner) {
                    Standing::Send => self.scribe.upsert(object, &at, self.generation).await,
                    Standing::Held => Ok(()),
                    Standing::Refused(problem) => {
                        self.scribe
                            .failed(Some(object.key), &at, &problem, self.generation)
                            .await
                    }
                }
            }
            Verdict::Ignored(ignore) => self.scribe.ignored(&at, ignore).await,
            Verdict::Failed { key, problem } => {
                self.declared.failed(&at.path);
                self.scribe.failed(key, &at, &problem, self.generation).await
            }
        }
    }

    async fn settle(&mut self) -> Result<(), Problem> {
        let known = &self.scribe.known;
        let settled = self
            .declared
            .settle(|key| known.owner(key).filter(|owner| !owner.is_empty()));
        for decided in settled {
            self.begin().await?;
            match decided {
                Settled::Won(object, at) => self.scribe.upsert(object, &at, self.generation).await?,
                Settled::Lost(key, at, problem) => {
                    self.scribe.failed(Some(key), &at, &problem, self.generation).await?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for SnapshotWriter<'_> {
    fn drop(&mut self) {
        let begin = self.opening();
        match self.stage {
            Stage::New { .. } | Stage::Begun => self.scribe.abandon(Abandoned { begin }),
            Stage::Ended => {}
        }
    }
}

fn too_late(call: &str) -> Problem {
    Problem::new(Code::Internal, format!("{call} was called after the first declaration"))
}
