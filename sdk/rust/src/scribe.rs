//! What listing and watching have in common: turning declarations into events, and remembering what was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use k1s_source_proto::limits;
use k1s_source_proto::v1::{self, event::Change, source_message::Message};
use prost::bytes::Bytes;

use crate::known::bounded_version;
use crate::limits::SessionLimits;
use crate::object::Object;
use crate::outlet::{Outlet, What};
use crate::problem::Level;
use crate::redactor::Redactor;
use crate::{At, Code, Ignore, Known, Problem, Progress, Scope};

/// Which of its capabilities a scope's loop uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Remembers what the host holds.
    pub(crate) remembers: bool,
    /// May say that something is unchanged.
    pub(crate) sees: bool,
    /// Goes on after the first listing.
    pub(crate) watches: bool,
}

/// A listing that was dropped without its end.
#[derive(Debug)]
pub(crate) struct Abandoned {
    /// How it would have begun, if it had not yet.
    pub(crate) begin: Option<v1::SnapshotBegin>,
}

/// The state of one scope's loop behind the author's handles.
#[derive(Debug)]
pub(crate) struct Scribe {
    pub(crate) outlet: Outlet,
    pub(crate) known: Known,
    pub(crate) limits: SessionLimits,
    pub(crate) habits: Habits,
    redactor: Arc<Redactor>,
    abandoned: Option<Abandoned>,
    live: bool,
}

impl Scribe {
    pub(crate) fn new(
        outlet: Outlet,
        known: Known,
        limits: SessionLimits,
        habits: Habits,
        redactor: Arc<Redactor>,
    ) -> Self {
        Self {
            outlet,
            known,
            limits,
            habits,
            redactor,
            abandoned: None,
            live: false,
        }
    }

    pub(crate) fn scope(&self) -> &Scope {
        self.outlet.scope()
    }

    pub(crate) async fn say(&mut self, what: What) -> Result<(), Problem> {
        self.close_abandoned().await?;
        self.outlet.say(what).await
    }

    pub(crate) async fn message(&mut self, message: Message) -> Result<(), Problem> {
        self.say(What::Message(message)).await
    }

    /// Notes a listing that was dropped without its end; the next word ends it.
    pub(crate) fn abandon(&mut self, abandoned: Abandoned) {
        self.abandoned = Some(abandoned);
    }

    /// Ends a listing that was dropped without its end.
    pub(crate) async fn close_abandoned(&mut self) -> Result<(), Problem> {
        match self.abandoned.take() {
            Some(abandoned) => self.close(abandoned, Code::Internal, None).await,
            None => Ok(()),
        }
    }

    /// Says why the loop failed, and ends the listing that it failed in.
    pub(crate) async fn fail(&mut self, problem: &Problem) -> Result<(), Problem> {
        match self.abandoned.take() {
            Some(abandoned) => self.close(abandoned, problem.code(), Some(problem)).await,
            None => self.problem(problem).await,
        }
    }

    async fn close(&mut self, abandoned: Abandoned, code: Code, why: Option<&Problem>) -> Result<(), Problem> {
        if let Some(begin) = abandoned.begin {
            self.outlet.say(What::Begin(Box::new(begin))).await?;
        }
        if let Some(problem) = why {
            self.problem(problem).await?;
        }
        self.outlet.close(What::Abandon(code)).await
    }

    /// Says, once, that from here on events are changes.
    pub(crate) async fn go_live(&mut self) -> Result<(), Problem> {
        if self.habits.watches && !self.live {
            let scope = self.scope().id().to_owned();
            self.message(Message::Live(v1::Live { scope })).await?;
            self.live = true;
        }
        Ok(())
    }

    /// Notes that the scope is no more: should it be listed again, it goes live again.
    pub(crate) fn rest(&mut self) {
        self.live = false;
    }

    pub(crate) async fn upsert(&mut self, object: Object, at: &At, generation: u64) -> Result<(), Problem> {
        let Object { key, json, hash } = object;
        let version = bounded_version(&at.version);
        if self.habits.remembers {
            self.known.hold(&key, &at.path, &version, generation);
        }
        let version = version.into_owned();
        let upsert = v1::Upsert {
            object: json,
            content_hash: Bytes::copy_from_slice(&hash),
        };
        self.event(Some(key), Change::Upsert(upsert), at, version).await
    }

    /// Says that an entry of what is known is unchanged. Of its place only the path is said: the host keeps what it has.
    pub(crate) async fn seen(&mut self, entry: u32, path: &str, generation: u64) -> Result<(), Problem> {
        let Some((key, version)) = self.known.see_at(entry, generation) else {
            return Ok(());
        };
        let provenance = v1::Provenance {
            path: path.to_owned(),
            ..v1::Provenance::default()
        };
        self.send(v1::Event {
            key: Some(key),
            provenance: Some(provenance),
            source_version: version,
            change: Some(Change::Seen(v1::Seen {})),
        })
        .await
    }

    pub(crate) async fn deleted(&mut self, key: v1::Key, at: &At, reason: String) -> Result<(), Problem> {
        self.known.remove(&key);
        self.event(Some(key), Change::Delete(v1::Delete { reason }), at, String::new())
            .await
    }

    /// Deletes what belongs together, and says where to go on behind that: the host's guard judges all of it as one, and
    /// what came by itself before would be gone when the rest is held.
    pub(crate) async fn deleted_together(
        &mut self,
        deletes: BTreeMap<v1::Key, (At, String)>,
        token: Option<Bytes>,
    ) -> Result<(), Problem> {
        self.close_abandoned().await?;
        let known = &mut self.known;
        let events = deletes.into_iter().map(|(key, (at, reason))| {
            known.remove(&key);
            v1::Event {
                key: Some(key),
                provenance: at.to_wire(),
                source_version: String::new(),
                change: Some(Change::Delete(v1::Delete { reason })),
            }
        });
        self.outlet.together(events.collect(), token).await
    }

    pub(crate) async fn ignored(&mut self, at: &At, ignore: Ignore) -> Result<(), Problem> {
        let change = Change::Ignored(v1::Ignored {
            code: ignore.to_wire().into(),
        });
        self.event(None, change, at, String::new()).await
    }

    pub(crate) async fn failed(
        &mut self,
        key: Option<v1::Key>,
        at: &At,
        problem: &Problem,
        generation: u64,
    ) -> Result<(), Problem> {
        if let Some(key) = &key {
            self.known.touch(key, generation);
        }
        let change = Change::Failed(Box::new(self.to_wire(problem, Level::Object)));
        self.event(key, change, at, String::new()).await
    }

    pub(crate) async fn problem(&mut self, problem: &Problem) -> Result<(), Problem> {
        let wire = self.to_wire(problem, Level::Scope);
        self.outlet.say(What::Message(Message::Problem(wire))).await
    }

    fn to_wire(&self, problem: &Problem, usual: Level) -> v1::Problem {
        let clean = |text| self.redactor.clean(text);
        problem.clone().map_text(clean).to_wire(usual, self.scope().id())
    }

    pub(crate) async fn progress(&mut self, progress: Progress) -> Result<(), Problem> {
        let progress = progress.into_wire(self.scope().id());
        self.message(Message::Progress(progress)).await
    }

    /// Checks a token against the limit of the session.
    pub(crate) fn checked(&self, token: Bytes) -> Result<Bytes, Problem> {
        if token.len() > self.limits.token_bytes {
            let message = format!(
                "a token of {} bytes, more than {}",
                token.len(),
                self.limits.token_bytes
            );
            return Err(Problem::new(Code::Internal, message));
        }
        Ok(token)
    }

    async fn event(
        &mut self,
        key: Option<v1::Key>,
        change: Change,
        at: &At,
        source_version: String,
    ) -> Result<(), Problem> {
        self.send(v1::Event {
            key,
            provenance: at.to_wire(),
            source_version,
            change: Some(change),
        })
        .await
    }

    async fn send(&mut self, event: v1::Event) -> Result<(), Problem> {
        debug_assert!(event.source_version.len() <= limits::SOURCE_VERSION_BYTES);
        self.close_abandoned().await?;
        self.outlet.event(event).await
    }
}
