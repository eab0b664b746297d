//! Short names for the values that tests are made of.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use k1s_object::{ContentHash, DeclaredKey, GroupKind, KindNames, KindScope, Timestamp};
use k1s_sync_engine::event::{Change, Event, IgnoredCode, Provenance};
use k1s_sync_engine::id::{Generation, Moment, ScopeId, Seq, SourceVersion, Token};
use k1s_sync_engine::message::{Batch, Completeness, Counts, EmptyListing, Mode, More, SnapshotEnd, SourceMessage};
use k1s_sync_engine::problem::{Level, Problem, ProblemCode};
use k1s_sync_engine::session::{Capability, Command, Limits, MAX_WINDOW_BYTES, Session, Settings};
use k1s_sync_engine::work::{Absence, GenerationClosed, Outcome, Receipt, Work};
use sha2::{Digest as _, Sha256};

pub(crate) const START: Moment = Moment::new(Duration::from_secs(100));

pub(crate) fn after(seconds: u64) -> Moment {
    START.plus(Duration::from_secs(seconds))
}

pub(crate) fn scope(id: &str) -> ScopeId {
    ScopeId::new(id).unwrap()
}

pub(crate) fn event(change: Change) -> Event {
    Event {
        change,
        provenance: Provenance::default(),
        source_version: SourceVersion::new("v1").unwrap(),
    }
}

pub(crate) fn key(name: &str) -> DeclaredKey {
    DeclaredKey::new("", "ConfigMap", "shop", name)
}

pub(crate) fn upsert(name: &str, body: &str) -> Event {
    let object = Bytes::copy_from_slice(body.as_bytes());
    event(Change::Upsert {
        key: key(name),
        content_hash: ContentHash::of(&object),
        object,
    })
}

pub(crate) fn delete(name: &str) -> Event {
    event(Change::Delete { key: key(name) })
}

pub(crate) fn seen(name: &str) -> Event {
    event(Change::Seen { key: key(name) })
}

pub(crate) fn ignored() -> Event {
    event(Change::Ignored {
        key: None,
        code: IgnoredCode::Link,
    })
}

pub(crate) fn failed(name: &str) -> Event {
    event(Change::Failed {
        key: Some(key(name)),
        problem: Problem::with_object(ProblemCode::DataInvalid, "unreadable"),
    })
}

pub(crate) fn begin(id: &str, generation: u64) -> SourceMessage {
    SourceMessage::SnapshotBegin {
        scope: scope(id),
        generation: Generation::new(generation),
        root_identity: "root".to_owned(),
        expected: None,
    }
}

pub(crate) fn batch(seq: u64, id: &str, generation: Option<u64>, events: Vec<Event>) -> Batch {
    Batch {
        seq: Seq::new(seq),
        scope: scope(id),
        generation: generation.map(Generation::new),
        events,
        token: None,
        more: More::Last,
        earlier: Vec::new(),
    }
}

pub(crate) fn listed(seq: u64, id: &str, generation: u64, events: Vec<Event>) -> SourceMessage {
    SourceMessage::Batch(batch(seq, id, Some(generation), events))
}

pub(crate) fn changed(seq: u64, id: &str, events: Vec<Event>) -> SourceMessage {
    SourceMessage::Batch(batch(seq, id, None, events))
}

/// A batch of deletes that goes on in the next.
pub(crate) fn going_on(seq: u64, id: &str, names: &[&str]) -> SourceMessage {
    SourceMessage::Batch(Batch {
        more: More::Follows,
        ..batch(seq, id, None, names.iter().map(|name| delete(name)).collect())
    })
}

/// The true end of a listing that consists of these events.
pub(crate) fn end_of(id: &str, generation: u64, events: &[Event]) -> SnapshotEnd {
    SnapshotEnd {
        scope: scope(id),
        generation: Generation::new(generation),
        completeness: Completeness::Complete,
        counts: naive_counts(events),
        digest: naive_digest(events),
        token: None,
        empty: EmptyListing::Suspicious,
    }
}

pub(crate) fn end(id: &str, generation: u64, events: &[Event]) -> SourceMessage {
    SourceMessage::SnapshotEnd(end_of(id, generation, events))
}

pub(crate) fn live(id: &str) -> SourceMessage {
    SourceMessage::Live { scope: scope(id) }
}

pub(crate) fn drained(last: u64) -> SourceMessage {
    SourceMessage::Drained { last: Seq::new(last) }
}

pub(crate) fn token(text: &str) -> Token {
    Token::new(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

pub(crate) fn kind(name: &str) -> KindNames {
    KindNames {
        group_kind: GroupKind::new("example.org", name),
        versions: vec!["v1".into()],
        plural: name.to_lowercase().into(),
        singular: name.to_lowercase().into(),
        short_names: vec![],
        categories: vec![],
        scope: KindScope::Namespaced,
    }
}

pub(crate) fn complaint(level: Level, code: ProblemCode) -> Problem {
    Problem {
        level,
        ..Problem::with_source(code, "it said so")
    }
}

pub(crate) fn naive_counts(events: &[Event]) -> Counts {
    let of = |letter: char| events.iter().filter(|event| outcome(event) == letter).count() as u64;
    Counts {
        upserts: of('\u{1}'),
        deletes: of('\u{2}'),
        seen: of('\u{3}'),
        ignored: of('\u{4}'),
        failed: of('\u{5}'),
    }
}

/// Word for word what `SnapshotEnd.digest` in `source.proto` says.
pub(crate) fn naive_digest(events: &[Event]) -> [u8; 32] {
    let mut bytes = b"k1s.source.v1/snapshot\0".to_vec();
    for event in events {
        bytes.push(outcome(event) as u8);
        let key = event.change.key();
        let group_kind = key.map(|key| &key.group_kind);
        let proof = match &event.change {
            Change::Upsert { content_hash, .. } => content_hash.as_bytes().to_vec(),
            Change::Seen { .. } => event.source_version.as_str().as_bytes().to_vec(),
            Change::Delete { .. } | Change::Ignored { .. } | Change::Failed { .. } => vec![],
        };
        for part in [
            group_kind.map_or(&b""[..], |of| of.group.as_bytes()),
            group_kind.map_or(&b""[..], |of| of.kind.as_bytes()),
            key.map_or(&b""[..], |key| key.namespace.as_bytes()),
            key.map_or(&b""[..], |key| key.name.as_bytes()),
            &proof,
        ] {
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part);
        }
    }
    Sha256::digest(bytes).into()
}

fn outcome(event: &Event) -> char {
    match event.change {
        Change::Upsert { .. } => '\u{1}',
        Change::Delete { .. } => '\u{2}',
        Change::Seen { .. } => '\u{3}',
        Change::Ignored { .. } => '\u{4}',
        Change::Failed { .. } => '\u{5}',
    }
}

/// A source that can do everything, with small limits.
pub(crate) fn able(mode: Mode) -> Settings {
    Settings {
        limits: Limits {
            batch_events: 4,
            batch_bytes: 32,
            object_bytes: 48,
            token_bytes: 8,
            window_deletes: 6,
            window_bytes: MAX_WINDOW_BYTES,
        },
        capabilities: BTreeSet::from([
            Capability::Watch,
            Capability::Resume,
            Capability::Seen,
            Capability::MultiScope,
            Capability::WantsAcks,
        ]),
        ..Settings::new(mode, Timestamp::from_millis(1_700_000_000_000))
    }
}

/// What a writer without surprises answers to a piece of work.
pub(crate) fn receipt(work: &Work) -> Receipt {
    Receipt {
        seq: match work {
            Work::Apply(batch) => Some(batch.seq),
            Work::Kind(_) | Work::BeginGeneration { .. } | Work::EndGeneration(_) | Work::ScopeGone { .. } => None,
        },
        closed: match work {
            Work::EndGeneration(end) => Some(GenerationClosed {
                scope: end.scope.clone(),
                generation: end.generation,
                absence: match &end.outcome {
                    Outcome::Complete => Absence::None,
                    Outcome::Incomplete(problem) => Absence::Unproven(problem.clone()),
                },
                pending: 0,
            }),
            Work::Apply(_) | Work::Kind(_) | Work::BeginGeneration { .. } | Work::ScopeGone { .. } => None,
        },
        ..Receipt::default()
    }
}

pub(crate) fn commands(session: &mut Session) -> Vec<Command> {
    std::iter::from_fn(|| session.next_command()).collect()
}
