//! Messages made of items, in made-up time.

use std::time::Duration;

use k1s_source_proto::limits::{BATCH_BYTES, BATCH_EVENTS, HEARTBEAT, LINGER};
use prost::Message as _;

use super::*;

fn item(scope: &str, what: What) -> Item {
    Item {
        scope: Scope::new(scope),
        what,
        room: None,
    }
}

fn upsert(size: usize) -> What {
    What::Events(vec![measured(size)])
}

fn measured(size: usize) -> Measured {
    let object = vec![b'x'; size].into();
    let change = Change::Upsert(v1::Upsert {
        object,
        content_hash: vec![7; 32].into(),
    });
    let key = Some(v1::Key {
        kind: "ConfigMap".into(),
        name: "a".into(),
        ..Default::default()
    });
    let event = v1::Event {
        key,
        change: Some(change),
        ..Default::default()
    };
    let bytes = event.encoded_len();
    Measured { event, bytes }
}

fn together(events: usize, token: Option<Bytes>) -> What {
    What::Together {
        deletes: (0..events).map(|_| measured(1)).collect(),
        token,
    }
}

fn begin(generation: u64) -> What {
    What::Begin(Box::new(v1::SnapshotBegin {
        generation,
        ..Default::default()
    }))
}

fn end(outcome: Result<(), Code>) -> What {
    What::End {
        outcome,
        token: None,
        empty_is_intentional: false,
    }
}

/// Takes what is ready, and leaves everything but batches.
fn batches(batcher: &mut Batcher) -> Vec<v1::Batch> {
    let batch = |message| {
        if let Message::Batch(batch) = message {
            Some(batch)
        } else {
            None
        }
    };
    batcher.take_ready().into_iter().filter_map(batch).collect()
}

/// Says what is ready in a few words.
fn said(batcher: &mut Batcher) -> Vec<String> {
    let outcome = |end: &v1::SnapshotEnd| format!("{:?} {:?}", end.outcome(), end.code());
    batcher
        .take_ready()
        .iter()
        .map(|message| match message {
            Message::SnapshotBegin(begin) => format!("begin {}", begin.generation),
            Message::Batch(batch) => {
                let token = if batch.token.is_some() { " token" } else { "" };
                format!("batch {}{} of {:?}{token}", batch.seq, batch.scope, batch.generation).replace("Some", "")
                    + &format!(": {}", batch.events.len())
                    + if batch.more { " goes on" } else { "" }
            }
            Message::SnapshotEnd(end) => format!("end {} {}", end.generation, outcome(end)),
            Message::Heartbeat(heartbeat) => format!("{:?} {}", heartbeat.state(), heartbeat.counter),
            Message::Live(_) => "live".to_owned(),
            Message::Progress(_) => "progress".to_owned(),
            Message::Drained(drained) => format!("drained {}", drained.last_seq),
            Message::KindInfo(_)
            | Message::ScopeGone(_)
            | Message::Redact(_)
            | Message::Log(_)
            | Message::Metric(_)
            | Message::Problem(_) => "other".to_owned(),
        })
        .collect()
}

#[test]
fn the_first_event_after_idle_goes_at_once_and_the_next_wait_for_company() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let start = Instant::now();
    batcher.accept(item("", upsert(1)), start);
    assert_eq!(batcher.next_due(), Some(start));
    batcher.tick(start);
    assert_eq!(said(&mut batcher), ["Working 1", "batch 1 of None: 1"]);
    let next = start + Duration::from_millis(5);
    batcher.accept(item("", upsert(1)), next);
    batcher.accept(item("", upsert(1)), next + Duration::from_millis(5));
    assert_eq!(batcher.next_due(), Some(next + LINGER));
    batcher.tick(next + LINGER - Duration::from_millis(1));
    assert_eq!(said(&mut batcher), Vec::<String>::new());
    batcher.tick(next + LINGER);
    assert_eq!(said(&mut batcher), ["batch 2 of None: 2"]);
    let idle = next + LINGER * 2;
    batcher.accept(item("", upsert(1)), idle);
    assert_eq!(batcher.next_due(), Some(idle));
}

#[test]
fn what_belongs_together_is_in_one_batch_with_nothing_before_it() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let start = Instant::now();
    batcher.accept(item("", upsert(1)), start);
    batcher.tick(start);
    batcher.accept(item("", upsert(1)), start);
    said(&mut batcher);
    batcher.accept(item("", together(300, None)), start);
    batcher.accept(item("", upsert(1)), start);
    batcher.tick(start + LINGER);
    assert_eq!(
        said(&mut batcher),
        ["batch 2 of None: 1", "batch 3 of None: 300", "batch 4 of None: 1"]
    );
}

#[test]
fn what_belongs_together_and_is_more_than_a_batch_goes_on_in_the_next() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let start = Instant::now();
    batcher.accept(item("", together(2 * BATCH_EVENTS + 1, Some("t".into()))), start);
    let full = format!(": {BATCH_EVENTS} goes on");
    let expected = ["batch 1 of None", "batch 2 of None"].map(|batch| format!("{batch}{full}"));
    let mut said = said(&mut batcher);
    assert_eq!(said.remove(2), "batch 3 of None token: 1");
    assert_eq!(said[..2], expected);
    batcher.accept(item("", together(2 * BATCH_EVENTS, None)), start);
    let more: Vec<bool> = batches(&mut batcher).iter().map(|batch| batch.more).collect();
    assert_eq!(more, [true, false], "the last one says that it is the last");
    let large = (0..3).map(|_| measured(BATCH_BYTES / 2)).collect();
    let large = What::Together {
        deletes: large,
        token: None,
    };
    batcher.accept(item("", large), start);
    batcher.tick(start + LINGER);
    let sizes = batches(&mut batcher)
        .into_iter()
        .map(|batch| (batch.events.len(), batch.more));
    assert_eq!(sizes.collect::<Vec<_>>(), [(1, true), (1, true), (1, false)]);
}

#[test]
fn batches_are_bounded_in_events_and_in_bytes() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let now = Instant::now();
    batcher.accept(item("", upsert(1)), now);
    batcher.tick(now);
    said(&mut batcher);
    for _ in 0..=BATCH_EVENTS {
        batcher.accept(item("", upsert(1)), now);
    }
    assert_eq!(said(&mut batcher), [format!("batch 2 of None: {BATCH_EVENTS}")]);
    batcher.accept(item("", upsert(BATCH_BYTES / 2)), now);
    batcher.accept(item("", upsert(BATCH_BYTES / 2)), now);
    assert_eq!(said(&mut batcher), ["batch 3 of None: 2"]);
    batcher.accept(item("", upsert(BATCH_BYTES * 3)), now);
    assert_eq!(
        said(&mut batcher),
        ["batch 4 of None: 1", "batch 5 of None: 1"],
        "the large one travels alone"
    );
}

#[test]
fn a_batch_of_a_listing_is_smaller_than_one_of_changes_may_be() {
    let (mut batcher, now) = (Batcher::new(SessionLimits::default()), Instant::now());
    let several = || What::Events((0..4).map(|_| measured(LISTED_BYTES / 2)).collect());
    batcher.accept(item("", begin(1)), now);
    batcher.accept(item("", several()), now);
    let sizes = |batcher: &mut Batcher| {
        batches(batcher)
            .iter()
            .map(|batch| batch.events.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(&mut batcher), [2, 2]);
    batcher.accept(item("", end(Ok(()))), now);
    batcher.accept(item("", several()), now);
    assert_eq!(sizes(&mut batcher), [0; 0]);
    batcher.tick(now + LINGER);
    assert_eq!(sizes(&mut batcher), [4]);
}

#[test]
fn messages_keep_their_place_among_the_events() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let now = Instant::now();
    let live = || What::Message(Message::Live(v1::Live::default()));
    let progress = || What::Message(Message::Progress(v1::Progress::default()));
    for what in [
        begin(3),
        upsert(1),
        progress(),
        upsert(1),
        end(Ok(())),
        live(),
        upsert(1),
        What::Token(Bytes::new()),
    ] {
        batcher.accept(item("s", what), now);
    }
    let expected = [
        "begin 3",
        "Working 1",
        "progress",
        "batch 1s of (3): 2",
        "end 3 Complete Unspecified",
        "live",
        "batch 2s of None token: 1",
    ];
    assert_eq!(said(&mut batcher), expected);
}

#[test]
fn an_end_says_what_was_sent() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let now = Instant::now();
    for what in [upsert(1), begin(1), upsert(1), upsert(2), end(Ok(()))] {
        batcher.accept(item("", what), now);
    }
    let ready = batcher.take_ready();
    let Some(Message::SnapshotEnd(end)) = ready.last() else {
        panic!("{ready:?}")
    };
    let mut digest = SnapshotDigest::new();
    let key = v1::Key {
        kind: "ConfigMap".into(),
        name: "a".into(),
        ..Default::default()
    };
    digest.upsert(&key, &[7; 32]);
    digest.upsert(&key, &[7; 32]);
    assert_eq!(
        end.counts.unwrap().upserts,
        2,
        "the live event before is not part of it"
    );
    assert_eq!(end.digest, digest.finish()[..]);
}

#[test]
fn a_listing_that_nobody_ended_is_incomplete() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let now = Instant::now();
    for what in [
        begin(1),
        upsert(1),
        begin(2),
        What::Abandon(Code::Auth),
        What::Abandon(Code::Auth),
        begin(3),
    ] {
        batcher.accept(item("", what), now);
    }
    batcher.finish(now);
    let expected = [
        "begin 1",
        "Working 1",
        "batch 1 of (1): 1",
        "end 1 Incomplete Internal",
        "begin 2",
        "end 2 Incomplete Auth",
        "begin 3",
        "end 3 Incomplete Partial",
        "drained 1",
    ];
    assert_eq!(said(&mut batcher), expected);
}

#[test]
fn scopes_share_the_sequence_and_nothing_else() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let now = Instant::now();
    for (scope, what) in [
        ("a", begin(1)),
        ("b", begin(1)),
        ("a", upsert(1)),
        ("b", upsert(1)),
        ("a", end(Ok(()))),
    ] {
        batcher.accept(item(scope, what), now);
    }
    batcher.tick(now);
    let expected = [
        "begin 1",
        "Working 1",
        "begin 1",
        "batch 1a of (1): 1",
        "end 1 Complete Unspecified",
        "batch 2b of (1): 1",
    ];
    assert_eq!(said(&mut batcher), expected);
}

#[test]
fn heartbeats_come_from_work_and_change_with_it() {
    let mut batcher = Batcher::new(SessionLimits::default());
    let start = Instant::now();
    let at = |batcher: &mut Batcher, scope: &str, what, after: Duration| {
        batcher.accept(item(scope, what), start + after);
        said(batcher)
    };
    let none = Vec::<String>::new();
    assert_eq!(at(&mut batcher, "a", What::Waiting, Duration::ZERO), ["Waiting 1"]);
    assert_eq!(at(&mut batcher, "a", What::Working, Duration::ZERO), ["Working 2"]);
    assert_eq!(
        at(&mut batcher, "b", What::Waiting, Duration::ZERO),
        none,
        "one scope works"
    );
    assert_eq!(at(&mut batcher, "a", What::Working, HEARTBEAT / 4), none);
    assert_eq!(at(&mut batcher, "a", What::Working, HEARTBEAT / 2), ["Working 5"]);
    assert_eq!(at(&mut batcher, "a", What::Waiting, HEARTBEAT), ["Waiting 6"]);
    assert_eq!(batcher.next_due(), None, "no timer makes them");
}
