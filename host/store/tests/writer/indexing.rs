//! By whom the indexes of a session are filled: whatever comes between, they are as the tables are when they are asked.

use std::collections::BTreeMap;

use k1s_store::writer::{EditBody, Precondition};
use k1s_sync_engine::event::Event;
use k1s_sync_engine::message::More;
use k1s_sync_engine::work::Absence;
use serde_json::Value;

use crate::apply::generous;
use crate::documents::{cm, config_map, seen, upsert, version};
use crate::faulty::Fault;
use crate::harness::{Harness, Session, on_every_engine, read_through, scope};

on_every_engine! {
    what_was_read_for_the_source_is_not_read_again,
    a_write_between_reading_and_handing_over_counts,
    what_was_read_for_an_earlier_session_is_not_taken,
    a_scan_that_failed_gathers_nothing_until_it_has_gone_to_its_end,
}

const SCOPES: [&str; 2] = ["one", "two"];
const NAMES: [&str; 3] = ["a", "b", "c"];

fn name(scope: &str, name: &str) -> String {
    format!("default/{scope}-{name}")
}

fn sent(scope: &str, key: &str) -> Event {
    version(upsert(config_map(&name(scope, key), "1")), "v1")
}

fn left_out(scope: &str, key: &str) -> Event {
    seen(&config_map(&name(scope, key), "1"), "v1")
}

fn filled(harness: &Harness) {
    let session = harness.session_with("files", generous());
    for scope in SCOPES {
        session.list_in(scope, NAMES.map(|key| sent(scope, key)).to_vec());
    }
}

/// A session of which nothing is indexed.
fn launched(harness: &Harness) -> Session<'_> {
    let epoch = harness.raise("files").expect("raised");
    let session = harness
        .unindexed_session_of("files", epoch, generous())
        .expect("opened");
    assert!(session.opening.due.is_some());
    session
}

fn what_was_read_for_the_source_is_not_read_again(harness: &Harness) {
    filled(harness);
    for (handed_over, visits) in [(&SCOPES[..], 0), (&SCOPES[1..], 3), (&[], 6)] {
        let session = launched(harness);
        let mut rows_by_scope = session.gathered();
        rows_by_scope.retain(|id, _| handed_over.contains(&id.as_str()));
        let visited = harness.engine.rows_visited();
        let read = harness.engine.rows_read();
        session.hand_over(rows_by_scope);
        for scope in SCOPES {
            session.begin(scope);
            let events = NAMES.map(|key| left_out(scope, key)).to_vec();
            assert_eq!(session.apply_in(scope, events).tally.unchanged, 3, "{handed_over:?}");
        }
        assert_eq!(harness.engine.rows_visited() - visited, visits, "{handed_over:?}");
        assert_eq!(harness.engine.rows_read(), read, "{handed_over:?}");
    }
    // What is absent is absent by an index that was handed over, too.
    let session = launched(harness);
    session.hand_over(session.gathered());
    for scope in SCOPES {
        let listing = session.list_in(scope, vec![left_out(scope, "a"), left_out(scope, "c")]);
        assert_eq!((listing.tally.unchanged, listing.tally.deleted), (2, 1));
        assert!(harness.get(&cm(&name(scope, "b"))).is_none());
    }
}

fn a_write_between_reading_and_handing_over_counts(harness: &Harness) {
    filled(harness);
    type Said = fn(&str, &str) -> Event;
    let edits: [fn(Value) -> EditBody; 2] = [
        |mut body| {
            body["data"]["v"] = "local".into();
            EditBody::Put(body)
        },
        |_| EditBody::Delete,
    ];
    for edit in edits {
        for said in [sent as Said, left_out as Said] {
            for moment in 0..3 {
                let session = launched(harness);
                let key = cm(&name("one", "b"));
                let write = |now: i32| {
                    if now == moment {
                        let body = edit(harness.body(&key));
                        harness.edit(&key, body, Precondition::default()).expect("written");
                    }
                };
                write(0);
                let rows_by_scope = session.gathered();
                write(1);
                session.hand_over(rows_by_scope);
                write(2);
                let listing = session.list_in("one", NAMES.map(|key| said("one", key)).to_vec());
                let changes = listing.tally.created + listing.tally.updated;
                assert_eq!((changes, listing.tally.unchanged), (1, 2), "{moment}");
                assert_eq!(harness.value(&key).as_deref(), Some("1"), "{moment}");
                assert_eq!(listing.absence, Absence::None, "{moment}");
            }
        }
    }
}

fn what_was_read_for_an_earlier_session_is_not_taken(harness: &Harness) {
    filled(harness);
    let former = launched(harness);
    let (epoch, due) = (former.epoch, former.opening.due.expect("due"));
    let writer = harness.writer();
    let hand_over = |rows_by_scope| {
        let index = writer.index(crate::harness::source("files"), due, rows_by_scope);
        harness.wait(index).expect("open");
    };
    let (early, late) = (former.gathered(), former.gathered());
    former.close();
    hand_over(early);
    let key = cm(&name("one", "b"));
    let mut body = harness.body(&key);
    body["data"]["v"] = "local".into();
    harness.put(&key, body);
    // Even one of the same launch is another session.
    let session = harness
        .unindexed_session_of("files", epoch, generous())
        .expect("opened");
    hand_over(late);
    let tally = session
        .list_in("one", NAMES.map(|key| left_out("one", key)).to_vec())
        .tally;
    assert_eq!((tally.updated, tally.unchanged), (1, 2));
    assert_eq!(harness.value(&key).as_deref(), Some("1"));
}

fn a_scan_that_failed_gathers_nothing_until_it_has_gone_to_its_end(harness: &Harness) {
    filled(harness);
    for goes_on in [false, true] {
        let session = launched(harness);
        let scan = || harness.reader().known(&session.source, &scope("one")).gathering_rows();
        let mut whole = scan();
        assert_eq!(whole.page(2).expect("readable").more, More::Follows);
        harness.engine.fail(Fault::Read(0));
        whole.page(2).expect_err("the third row cannot be read");
        if goes_on {
            let rest = read_through(&mut whole);
            assert_eq!(rest.len(), 1);
            let rows = whole.into_rows().expect("read to the end");
            session.hand_over(BTreeMap::from([(scope("one"), rows)]));
        } else {
            assert!(whole.into_rows().is_none());
        }
        let mut part = scan();
        part.page(2).expect("readable");
        assert!(part.into_rows().is_none());
        let listing = session.list_in("one", NAMES.map(|key| left_out("one", key)).to_vec());
        assert_eq!((listing.tally.unchanged, listing.absence), (3, Absence::None));
    }
}
