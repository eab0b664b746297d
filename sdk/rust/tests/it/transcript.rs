//! What a listing must be on the wire, checked without the code that made it.

use k1s_source_proto::v1::event::Change;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::*;
use prost::Message as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Returns the messages of one kind.
macro_rules! pick {
    ($messages:expr, $kind:ident) => {
        $messages.iter().filter_map(|message| match message {
            k1s_source_proto::v1::source_message::Message::$kind(inner) => Some(inner),
            _ => None,
        })
    };
}
pub(crate) use pick;

/// The batches among messages.
pub(crate) fn batches(messages: &[Message]) -> Vec<&Batch> {
    pick!(messages, Batch).collect()
}

pub(crate) fn events(messages: &[Message]) -> Vec<&Event> {
    batches(messages).into_iter().flat_map(|batch| &batch.events).collect()
}

pub(crate) fn end(messages: &[Message]) -> &SnapshotEnd {
    match messages.last() {
        Some(Message::SnapshotEnd(end)) => end,
        other => panic!("{other:?}"),
    }
}

/// Says each event in a few words: what, key, place, and the code of a failure.
pub(crate) fn said(messages: &[Message]) -> Vec<String> {
    events(messages).into_iter().map(say).collect()
}

fn say(event: &Event) -> String {
    let name = event.key.as_ref().map_or("-", |key| key.name.as_str());
    let place = event.provenance.clone().unwrap_or_default();
    let place = match (place.path.as_str(), place.line) {
        (path, 0) => path.to_owned(),
        (path, line) => format!("{path}:{line}"),
    };
    let change = match event.change.as_ref().unwrap() {
        Change::Upsert(_) => "upsert".to_owned(),
        Change::Delete(delete) => format!("delete({})", delete.reason),
        Change::Seen(_) => format!("seen({})", event.source_version),
        Change::Ignored(ignored) => format!("{:?}", ignored.code()),
        Change::Failed(problem) => format!("{:?}", problem.code()),
    };
    format!("{change} {name} {place}").trim_end().to_owned()
}

/// Checks one whole listing: frame, sequence, limits, hashes, bytes, counts and digest. Returns the outcome.
pub(crate) fn verify(messages: &[Message]) -> snapshot_end::Outcome {
    let begin = pick!(messages, SnapshotBegin).next();
    let (begin, end) = (begin.expect("a beginning"), end(messages));
    assert_eq!((&begin.scope, begin.generation), (&end.scope, end.generation));
    let batches = batches(messages);
    assert!(
        batches.is_sorted_by(|left, right| left.seq + 1 == right.seq),
        "the sequence is dense"
    );
    let mut hash = Sha256::new();
    hash.update(b"k1s.source.v1/snapshot\0");
    let mut counts = [0u64; 5];
    for batch in batches {
        assert_eq!((&batch.scope, batch.generation), (&begin.scope, Some(begin.generation)));
        assert!(
            !batch.events.is_empty() && batch.events.len() <= 512,
            "{}",
            batch.events.len()
        );
        let bytes: usize = batch.events.iter().map(prost::Message::encoded_len).sum();
        assert!(
            bytes <= 1 << 20 || batch.events.len() == 1,
            "{bytes} bytes in {}",
            batch.events.len()
        );
        assert!(batch.encoded_len() <= 16 << 20);
        for event in &batch.events {
            let (outcome, proof) = judge(event);
            counts[usize::from(outcome) - 1] += 1;
            hash.update([outcome]);
            let key = event.key.clone().unwrap_or_default();
            for part in [
                key.group.as_bytes(),
                key.kind.as_bytes(),
                key.namespace.as_bytes(),
                key.name.as_bytes(),
                &proof,
            ] {
                hash.update(u32::try_from(part.len()).unwrap().to_be_bytes());
                hash.update(part);
            }
        }
    }
    let [upserts, deletes, seen, ignored, failed] = counts;
    assert_eq!(
        end.counts,
        Some(Counts {
            upserts,
            deletes,
            seen,
            ignored,
            failed
        })
    );
    assert_eq!(end.digest[..], hash.finalize()[..]);
    end.outcome()
}

/// Checks one event and returns its outcome byte and what the digest proves of it.
fn judge(event: &Event) -> (u8, Vec<u8>) {
    assert!(event.source_version.len() <= 128);
    match event.change.as_ref().unwrap() {
        Change::Upsert(upsert) => {
            assert_eq!(upsert.content_hash[..], Sha256::digest(&upsert.object)[..]);
            let value: Value = serde_json::from_slice(&upsert.object).unwrap();
            assert_eq!(value.to_string().as_bytes(), &upsert.object[..], "compact and sorted");
            assert_eq!(value["metadata"]["name"], event.key.as_ref().unwrap().name);
            (1, upsert.content_hash.to_vec())
        }
        Change::Delete(_) => (2, Vec::new()),
        Change::Seen(_) => (3, event.source_version.clone().into_bytes()),
        Change::Ignored(_) => (4, Vec::new()),
        Change::Failed(problem) => {
            assert!(!problem.message.is_empty());
            (5, Vec::new())
        }
    }
}
