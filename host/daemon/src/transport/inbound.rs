//! From the wire's messages to the engine's. What a plugin sends is trusted in nothing: a value that is missing, too long
//! or unknown is a violation that names the field.

use std::time::Duration;

use k1s_object::{ContentHash, DeclaredKey, GroupKind, KindNames, KindScope, Timestamp};
use k1s_source_proto::v1;
use k1s_source_proto::v1::source_message::Message;
use k1s_sync_engine::event::{Change, Event, Provenance};
use k1s_sync_engine::id::{Generation, ScopeId, Seq, SourceVersion, Token, TooLong};
use k1s_sync_engine::message::{
    Activity, Batch, Completeness, Counts, EmptyListing, More, Progress, ScopeGone, SnapshotEnd, SourceMessage,
};
use k1s_sync_engine::problem::{Level, Problem, ProblemCode, Retry};
use thiserror::Error;

use super::words;

/// Longest message of a problem in bytes; the rest is cut.
const MAX_PROBLEM_MESSAGE: usize = 4 * 1024;
/// Longest detail of a problem in bytes; the rest is cut.
const MAX_PROBLEM_DETAIL: usize = 64 * 1024;

/// A message of a plugin, for the session or beside it.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// For the session.
    Session(SourceMessage),
    /// A log record.
    Log(v1::Log),
    /// Values that must not be shown.
    Redact(v1::Redact),
    /// A figure of the plugin's own; there is nowhere to show it yet.
    Metric,
}

/// A message that is not what the contract says; a violation.
#[derive(Debug, Error)]
pub(crate) enum Malformed {
    #[error("{field} is missing or has an unknown value")]
    Missing { field: &'static str },
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error("{field} has {length} bytes, not 32")]
    Hash { field: &'static str, length: usize },
    #[error("{field} contains NUL")]
    Nul { field: &'static str },
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::with_source(ProblemCode::ProtocolViolation, malformed.to_string())
    }
}

type Read<T> = Result<T, Malformed>;

fn required<T>(value: Option<T>, field: &'static str) -> Read<T> {
    value.ok_or(Malformed::Missing { field })
}

/// Translates a message of the session's stream.
pub(crate) fn source_message(message: v1::SourceMessage) -> Read<Inbound> {
    let message = match required(message.message, "SourceMessage.message")? {
        Message::Log(log) => return Ok(Inbound::Log(log)),
        Message::Redact(redact) => return Ok(Inbound::Redact(redact)),
        Message::Metric(_) => return Ok(Inbound::Metric),
        Message::KindInfo(info) => SourceMessage::KindInfo(kind_info(info)?),
        Message::SnapshotBegin(begin) => SourceMessage::SnapshotBegin {
            scope: ScopeId::new(&begin.scope)?,
            generation: Generation::new(begin.generation),
            root_identity: begin.root_identity,
            expected: begin.expected,
        },
        Message::Batch(sent) => SourceMessage::Batch(batch(sent)?),
        Message::SnapshotEnd(end) => SourceMessage::SnapshotEnd(snapshot_end(end)?),
        Message::ScopeGone(gone) => SourceMessage::ScopeGone {
            scope: ScopeId::new(&gone.scope)?,
            reason: scope_gone(&gone)?,
        },
        Message::Live(live) => SourceMessage::Live {
            scope: ScopeId::new(&live.scope)?,
        },
        Message::Progress(sent) => SourceMessage::Progress(progress(sent)?),
        Message::Heartbeat(beat) => SourceMessage::Heartbeat {
            counter: beat.counter,
            activity: required(activity(beat.state), "Heartbeat.state")?,
        },
        Message::Problem(sent) => SourceMessage::Problem(problem(sent)?),
        Message::Drained(drained) => SourceMessage::Drained {
            last: Seq::new(drained.last_seq),
        },
    };
    Ok(Inbound::Session(message))
}

/// A finding about a configuration, as one line with the way out.
pub(crate) fn diagnostic(found: &v1::Diagnostic) -> String {
    let place = if found.pointer.is_empty() {
        String::new()
    } else {
        format!("{}: ", found.pointer)
    };
    let suggestion = if found.suggestion.is_empty() {
        String::new()
    } else {
        format!("; {}", found.suggestion)
    };
    format!("{place}{}{suggestion}", found.summary)
}

fn kind_info(info: v1::KindInfo) -> Read<KindNames> {
    without_nul(&[&info.group, &info.kind], "KindInfo")?;
    let scope = if info.namespaced {
        KindScope::Namespaced
    } else {
        KindScope::Cluster
    };
    Ok(KindNames {
        group_kind: GroupKind::new(&info.group, &info.kind),
        versions: vec![info.version.into()],
        plural: info.plural.into(),
        singular: info.kind.to_ascii_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope,
    })
}

fn batch(batch: v1::Batch) -> Read<Batch> {
    Ok(Batch {
        seq: Seq::new(batch.seq),
        scope: ScopeId::new(&batch.scope)?,
        generation: batch.generation.map(Generation::new),
        events: batch.events.into_iter().map(event).collect::<Read<_>>()?,
        token: batch.token.map(Token::new).transpose()?,
        more: if batch.more { More::Follows } else { More::Last },
        earlier: Vec::new(),
    })
}

fn event(event: v1::Event) -> Read<Event> {
    Ok(Event {
        change: change(event.key.map(key).transpose()?, required(event.change, "Event.change")?)?,
        provenance: event.provenance.map(provenance).unwrap_or_default(),
        source_version: SourceVersion::new(event.source_version)?,
    })
}

fn change(key: Option<DeclaredKey>, change: v1::event::Change) -> Read<Change> {
    Ok(match change {
        v1::event::Change::Upsert(upsert) => Change::Upsert {
            key: required(key, "Event.key")?,
            object: upsert.object,
            content_hash: hash(&upsert.content_hash, "Upsert.content_hash")?,
        },
        v1::event::Change::Delete(_) => Change::Delete {
            key: required(key, "Event.key")?,
        },
        v1::event::Change::Seen(_) => Change::Seen {
            key: required(key, "Event.key")?,
        },
        v1::event::Change::Ignored(ignored) => Change::Ignored {
            key,
            code: required(words::ignored_code(ignored.code), "Ignored.code")?,
        },
        v1::event::Change::Failed(failed) => Change::Failed {
            key,
            problem: problem(*failed)?,
        },
    })
}

fn hash(bytes: &[u8], field: &'static str) -> Read<ContentHash> {
    ContentHash::from_slice(bytes).ok_or(Malformed::Hash {
        field,
        length: bytes.len(),
    })
}

fn key(key: v1::Key) -> Read<DeclaredKey> {
    without_nul(&[&key.group, &key.kind, &key.namespace, &key.name], "Event.key")?;
    Ok(DeclaredKey {
        group_kind: GroupKind {
            group: key.group.into(),
            kind: key.kind.into(),
        },
        namespace: key.namespace.into(),
        name: key.name.into(),
    })
}

/// The store separates the parts of a key with NUL.
fn without_nul(parts: &[&str], field: &'static str) -> Read<()> {
    if parts.iter().any(|part| part.contains('\0')) {
        Err(Malformed::Nul { field })
    } else {
        Ok(())
    }
}

fn provenance(sent: v1::Provenance) -> Provenance {
    Provenance {
        uri: sent.uri.into(),
        path: sent.path.into(),
        revision: sent.revision.into(),
        document: sent.document,
        line: sent.line,
        column: sent.column,
    }
}

fn snapshot_end(end: v1::SnapshotEnd) -> Read<SnapshotEnd> {
    let counts = required(end.counts, "SnapshotEnd.counts")?;
    let completeness = match v1::snapshot_end::Outcome::try_from(end.outcome) {
        Ok(v1::snapshot_end::Outcome::Complete) => Completeness::Complete,
        Ok(v1::snapshot_end::Outcome::Incomplete) => {
            Completeness::Incomplete(words::problem_code(end.code).unwrap_or(ProblemCode::Internal))
        }
        Ok(v1::snapshot_end::Outcome::Unspecified) | Err(_) => {
            return Err(Malformed::Missing {
                field: "SnapshotEnd.outcome",
            });
        }
    };
    Ok(SnapshotEnd {
        scope: ScopeId::new(&end.scope)?,
        generation: Generation::new(end.generation),
        completeness,
        counts: Counts {
            upserts: counts.upserts,
            deletes: counts.deletes,
            seen: counts.seen,
            ignored: counts.ignored,
            failed: counts.failed,
        },
        digest: *hash(&end.digest, "SnapshotEnd.digest")?.as_bytes(),
        token: end.token.map(Token::new).transpose()?,
        empty: if end.empty_is_intentional {
            EmptyListing::Intentional
        } else {
            EmptyListing::Suspicious
        },
    })
}

fn scope_gone(gone: &v1::ScopeGone) -> Read<ScopeGone> {
    match v1::scope_gone::Reason::try_from(gone.reason) {
        Ok(v1::scope_gone::Reason::Deselected) => Ok(ScopeGone::Deselected),
        Ok(v1::scope_gone::Reason::Unsupported) => Ok(ScopeGone::Unsupported),
        Ok(v1::scope_gone::Reason::ReplacedBy) => Ok(ScopeGone::ReplacedBy(ScopeId::new(&gone.replaced_by)?)),
        Ok(v1::scope_gone::Reason::Unspecified) | Err(_) => Err(Malformed::Missing {
            field: "ScopeGone.reason",
        }),
    }
}

fn progress(sent: v1::Progress) -> Read<Progress> {
    Ok(Progress {
        scope: ScopeId::new(&sent.scope)?,
        done: sent.done,
        total: sent.total,
        bytes: sent.bytes,
        phase: sent.phase,
        rate_limited_until: sent.rate_limited_until_ms.map(Timestamp::from_millis),
    })
}

fn activity(state: i32) -> Option<Activity> {
    match v1::heartbeat::State::try_from(state).ok()? {
        v1::heartbeat::State::Unspecified => None,
        v1::heartbeat::State::Working => Some(Activity::Working),
        v1::heartbeat::State::Waiting => Some(Activity::Waiting),
    }
}

fn problem(sent: v1::Problem) -> Read<Problem> {
    let level = match v1::problem::Level::try_from(sent.level) {
        Ok(v1::problem::Level::Source) => Level::Source,
        Ok(v1::problem::Level::Scope) => Level::Scope(ScopeId::new(&sent.scope)?),
        Ok(v1::problem::Level::Object) => Level::Object,
        Ok(v1::problem::Level::Unspecified) | Err(_) => return Err(Malformed::Missing { field: "Problem.level" }),
    };
    let retry = match v1::problem::Retry::try_from(sent.retry) {
        Ok(v1::problem::Retry::Never) => Retry::Never,
        Ok(v1::problem::Retry::After) => Retry::After(Duration::from_millis(sent.retry_after_ms)),
        Ok(v1::problem::Retry::OnConfigChange) => Retry::OnConfigChange,
        Ok(v1::problem::Retry::OnContentChange) => Retry::OnContentChange,
        Ok(v1::problem::Retry::Backoff | v1::problem::Retry::Unspecified) | Err(_) => Retry::Backoff,
    };
    let parts = std::iter::once(sent.detail)
        .chain(sent.causes)
        .filter(|part| !part.is_empty());
    let detail = parts.collect::<Vec<_>>().join(": ");
    Ok(Problem {
        code: required(words::problem_code(sent.code), "Problem.code")?,
        level,
        retry,
        message: cut(sent.message, MAX_PROBLEM_MESSAGE),
        detail: cut(detail, MAX_PROBLEM_DETAIL),
    })
}

/// A text of at most `limit` bytes, cut between characters.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: Message) -> Result<Inbound, String> {
        source_message(v1::SourceMessage { message: Some(message) }).map_err(|error| error.to_string())
    }

    fn batch_of(event: v1::Event) -> Message {
        Message::Batch(v1::Batch {
            seq: 1,
            scope: String::new(),
            generation: None,
            events: vec![event],
            token: None,
            more: false,
        })
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let key = Some(v1::Key {
            group: String::new(),
            kind: "A".into(),
            namespace: String::new(),
            name: "a".into(),
        });
        let upsert = |hash: &'static [u8]| {
            v1::event::Change::Upsert(v1::Upsert {
                object: "{}".into(),
                content_hash: hash.into(),
            })
        };
        let event = |key, change| v1::Event {
            key,
            change,
            ..v1::Event::default()
        };
        for (message, expected) in [
            (
                batch_of(event(None, Some(upsert(&[0; 32])))),
                "Event.key is missing or has an unknown value",
            ),
            (
                batch_of(event(key.clone(), None)),
                "Event.change is missing or has an unknown value",
            ),
            (
                batch_of(event(key.clone(), Some(upsert(b"short")))),
                "Upsert.content_hash has 5 bytes, not 32",
            ),
            (
                Message::Heartbeat(v1::Heartbeat { counter: 1, state: 9 }),
                "Heartbeat.state is missing or has an unknown value",
            ),
            (
                Message::SnapshotEnd(v1::SnapshotEnd::default()),
                "SnapshotEnd.counts is missing or has an unknown value",
            ),
            (
                Message::Live(v1::Live { scope: "x".repeat(257) }),
                "the scope id has 257 bytes; at most 256 are allowed",
            ),
            (
                Message::Problem(v1::Problem::default()),
                "Problem.level is missing or has an unknown value",
            ),
        ] {
            assert_eq!(read(message).expect_err("refused"), expected);
        }
        let versioned = v1::Event {
            source_version: "v".repeat(129),
            ..event(key, Some(upsert(&[0; 32])))
        };
        assert!(
            read(batch_of(versioned))
                .expect_err("refused")
                .starts_with("the source version has 129 bytes")
        );
    }

    #[test]
    fn what_separates_the_parts_of_a_key_is_in_none_of_them() {
        let key = Some(v1::Key {
            name: "a\0b".into(),
            ..v1::Key::default()
        });
        let change = Some(v1::event::Change::Seen(v1::Seen {}));
        let event = v1::Event {
            key,
            change,
            ..v1::Event::default()
        };
        assert_eq!(read(batch_of(event)).expect_err("refused"), "Event.key contains NUL");
        let kind = v1::KindInfo {
            kind: "a\0b".into(),
            ..v1::KindInfo::default()
        };
        assert_eq!(
            read(Message::KindInfo(kind)).expect_err("refused"),
            "KindInfo contains NUL"
        );
    }
}
