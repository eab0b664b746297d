//! Failures of the engine at every write and at every commit.

use std::time::Duration;

use k1s_object::Key;
use k1s_store::engine::{Engine as _, EngineError, Finish};
use k1s_store::{StoreError, Table};
use k1s_sync_engine::event::Event;
use k1s_sync_engine::id::Generation;
use k1s_sync_engine::work::{GenerationEnd, Work};
use serde_json::Value;

use crate::apply::generous;
use crate::documents::{cm, config_map, crd, delete, invalid, namespace, ns, upsert, version, wd, widget, widgets};
use crate::faulty::{Fault, rows};
use crate::harness::{Harness, ROOT, WHOLE, scope, source, token};

/// The passes of a source that grows, changes, waits, hands over and shrinks.
fn passes() -> Vec<Vec<Event>> {
    vec![
        vec![
            upsert(widget("shop/w", "1")),
            upsert(config_map("shop/a", "1")),
            upsert(config_map("b", "1")),
            invalid(&config_map("shop/broken", "1")),
        ],
        vec![
            upsert(namespace("shop")),
            upsert(widgets()),
            upsert(widget("shop/w", "1")),
            version(upsert(config_map("shop/a", "2")), "v2"),
            upsert(config_map("shop/claimed", "1")),
        ],
        vec![
            upsert(namespace("shop")),
            version(upsert(config_map("shop/a", "2")), "v2"),
        ],
    ]
}

/// What is done one after the other; each step may be done again.
fn steps() -> Vec<(&'static str, Vec<Event>)> {
    let others = || vec![upsert(config_map("shop/claimed", "2"))];
    let mut steps: Vec<_> = passes().into_iter().map(|events| ("files", events)).collect();
    steps.insert(2, ("others", others()));
    steps.push(("others", others()));
    steps
}

/// A launch and a complete listing.
fn launch_and_list(harness: &Harness, name: &str, events: Vec<Event>) -> Result<(), StoreError> {
    let epoch = harness.raise(name)?;
    let session = harness.session_of(name, epoch, generous())?;
    let generation = Generation::new(1);
    session.submit(Work::BeginGeneration {
        scope: scope(WHOLE),
        generation,
        root_identity: ROOT.to_owned(),
    })?;
    session.submit(session.batch(WHOLE, events, None))?;
    session.submit(Work::EndGeneration(GenerationEnd {
        generation,
        token: Some(token("t")),
        ..session.end_of(WHOLE)
    }))?;
    Ok(())
}

/// What there is to see: key, body or code, owner.
type Picture = Vec<(String, Value, Option<String>)>;

/// Everything a user can see, but for what differs from run to run: identities, and how often something was written.
fn picture(harness: &Harness) -> Picture {
    let keys = [
        cm("shop/a"),
        cm("default/b"),
        cm("shop/broken"),
        cm("shop/claimed"),
        wd("shop/w"),
        ns("shop"),
        ns("default"),
        crd(),
    ];
    let object = |key: &Key| (key.to_string(), harness.body(key), harness.owner(key));
    let mut picture: Vec<_> = keys.iter().map(object).collect();
    for name in ["files", "others"] {
        let pending = harness.pending(name).into_iter();
        picture.extend(pending.map(|(key, code)| (key, Value::from(code.as_str()), Some(name.to_owned()))));
    }
    picture
}

/// Does every step until it succeeds; returns how many attempts failed, and what there is to see in the end.
fn run(harness: &Harness) -> (usize, Picture) {
    let mut failures = 0;
    for (name, events) in steps() {
        while let Err(error) = launch_and_list(harness, name, events.clone()) {
            assert!(matches!(&error, StoreError::Engine(_)), "{error:?}");
            failures += 1;
        }
    }
    (failures, picture(harness))
}

#[test]
fn whatever_fails_nothing_of_it_is_kept_and_a_new_session_gets_there() {
    let undisturbed = Harness::new();
    let (writes, commits) = (undisturbed.engine.writes(), undisturbed.engine.commits());
    let (failures, expected) = run(&undisturbed);
    assert_eq!(failures, 0);
    let writes = undisturbed.engine.writes() - writes;
    let commits = undisturbed.engine.commits() - commits;
    assert!(
        writes > 60 && commits > 10,
        "{writes} writes and {commits} commits are too few to tell"
    );
    let faults = (0..writes).map(Fault::Write);
    let faults = faults.chain((0..commits).flat_map(|nth| [Fault::Commit(nth), Fault::LateCommit(nth)]));
    for fault in faults {
        let harness = Harness::new();
        harness.engine.fail(fault);
        let (failures, picture) = run(&harness);
        assert_eq!(failures, 1, "{fault:?}");
        assert_eq!(picture, expected, "{fault:?}");
    }
}

#[test]
fn a_failed_transaction_leaves_no_trace() {
    type Events = fn() -> Vec<Event>;
    let steps: [(&str, Events); 3] = [
        ("create", || {
            vec![upsert(config_map("shop/new", "1")), upsert(widgets())]
        }),
        ("update", || vec![upsert(config_map("shop/a", "2"))]),
        ("delete", || {
            vec![delete(&config_map("shop/a", "1")), delete(&config_map("shop/b", "1"))]
        }),
    ];
    for (what, events) in steps {
        for nth in 0.. {
            let harness = Harness::new();
            let session = harness.session_with("files", generous());
            session.list(vec![
                upsert(config_map("shop/a", "1")),
                upsert(config_map("shop/b", "1")),
                upsert(widget("w", "1")),
            ]);
            let (before, revision) = (rows(&*harness.engine), harness.revision());
            let kinds = |harness: &Harness| harness.reader().kinds().get(&wd("w").group_kind).is_some();
            harness.engine.fail(Fault::Write(nth));
            let answer = session.submit(session.batch(WHOLE, events(), None));
            if !harness.engine.has_failed() {
                assert!(nth > 3, "{what} writes");
                answer.expect("nothing failed");
                break;
            }
            assert!(
                matches!(answer, Err(StoreError::Engine(error)) if matches!(&*error, EngineError::Io { .. })),
                "{what} {nth}"
            );
            assert_eq!(harness.engine.reopened(), 1, "{what} {nth}");
            assert_eq!(
                (rows(&*harness.engine), harness.revision()),
                (before, revision),
                "{what} {nth}"
            );
            assert!(!kinds(&harness), "{what} {nth}");
            // The session is over; the next begins from what is stored.
            let late = session.submit(session.batch(WHOLE, vec![], None));
            assert!(matches!(late, Err(StoreError::NoSession(_))), "{what} {nth}");
            let session = harness.session_with("files", generous());
            session.apply(events());
            assert_eq!(kinds(&harness), what == "create", "{what} {nth}");
        }
    }
}

#[test]
fn everyone_whose_work_shared_a_failed_transaction_is_told_why() {
    let harness = Harness::new();
    let one = harness.session("one");
    let two = harness.session("two");
    harness.engine.fail(Fault::Write(0));
    // Queued together, so that one transaction takes what it can get; whatever it took, nobody is left without a reason.
    let writer = harness.writer();
    let answers = harness.wait(async {
        let mut tickets = Vec::new();
        for number in 0..20 {
            let session = if number % 2 == 0 { &one } else { &two };
            let work = session.batch(WHOLE, vec![upsert(config_map(&format!("shop/n{number}"), "1"))], None);
            tickets.push(
                writer
                    .submit(session.source.clone(), session.epoch, work)
                    .await
                    .expect("queued"),
            );
        }
        let mut answers = Vec::new();
        for mut ticket in tickets {
            answers.push(ticket.redeem().await);
        }
        answers
    });
    assert!(matches!(&answers[0], Err(StoreError::Engine(_))), "{:?}", answers[0]);
    for answer in &answers {
        assert!(
            matches!(answer, Err(StoreError::Engine(_) | StoreError::NoSession(_))),
            "{answer:?}"
        );
    }
    assert_eq!(harness.revision(), 0);
}

#[test]
fn a_commit_that_failed_and_was_durable_is_found() {
    let harness = Harness::new();
    let session = harness.session("files");
    harness.engine.fail(Fault::LateCommit(0));
    let answer = session.submit(session.batch(WHOLE, vec![upsert(config_map("shop/a", "1"))], None));
    assert!(matches!(answer, Err(StoreError::Engine(_))), "{answer:?}");
    assert_eq!(harness.revision(), 2, "published when it was found");
    let session = harness.session("files");
    assert_eq!(session.list(vec![upsert(config_map("shop/a", "1"))]).tally.unchanged, 1);
}

#[test]
fn an_outage_is_told_with_its_first_reason_until_something_was_stored() {
    let harness = Harness::new();
    let session = harness.session("files");
    let (reader, health) = (harness.reader(), harness.reader().watch_health());
    assert!(reader.health().outage.is_none());
    harness.engine.fail(Fault::Commit(0));
    session
        .submit(session.batch(WHOLE, vec![upsert(config_map("shop/a", "1"))], None))
        .expect_err("as told");
    let told = health.borrow().clone();
    let outage = told.outage.expect("it failed");
    assert!((told.outages, outage.is_damage(), outage.since) == (1, false, harness.now()));
    assert!(matches!(&*outage.reason, EngineError::Io { .. }), "{outage:?}");
    // That something small can be stored does not end it; a probe does.
    harness.raise("files").expect("raised");
    assert!(reader.health().outage.is_some());
    harness
        .wait(harness.writer().close_session(source("files"), session.epoch))
        .expect("done");
    harness.pass(Duration::from_secs(1));
    harness.engine.fail(Fault::Commit(0));
    harness.wait(harness.writer().probe()).expect_err("as told");
    let told = reader.health();
    assert_eq!(
        (told.outages, told.outage.map(|outage| outage.since)),
        (2, Some(outage.since))
    );
    let before = rows(&*harness.engine);
    harness.wait(harness.writer().probe()).expect("it works again");
    assert!(reader.health().outage.is_none() && reader.health().outages == 2);
    assert_eq!(rows(&*harness.engine), before, "a probe changes nothing");
}

/// What is proven can be less than what work needs, because rows take more than their bytes. So a store can be well and lost in
/// turn, but each time more is asked of the proof: it says that it is well a few times, and then not before there is room.
#[test]
fn a_store_without_room_for_the_work_is_well_a_few_times_and_then_waits_for_room() {
    const ROOM: usize = 256 << 10;
    let harness = Harness::new();
    harness.raise("files").expect("raised");
    let work = || {
        (0..100)
            .map(|number| upsert(config_map(&format!("shop/n{number}"), "1")))
            .collect::<Vec<_>>()
    };
    harness.engine.leave_room(Some(ROOM));
    let mut recoveries = 0;
    for _ in 0..40 {
        harness.pass(Duration::from_secs(1));
        if harness.reader().health().outage.is_some() && harness.wait(harness.writer().probe()).is_err() {
            // As often as it is tried: it stays lost, and nobody who asks is told otherwise in between.
            assert!(harness.reader().health().outage.is_some());
            continue;
        }
        recoveries += 1;
        launch_and_list(&harness, "files", work()).expect_err("no room");
        assert!(harness.reader().health().outage.is_some());
    }
    assert!((2..=8).contains(&recoveries), "{recoveries}");
    harness.engine.leave_room(None);
    harness.wait(harness.writer().probe()).expect("there is room");
    launch_and_list(&harness, "files", work()).expect("stored");
    assert_eq!(
        harness.get(&cm("shop/n99")).is_some(),
        harness.reader().health().outage.is_none()
    );
}

/// What is beside the store has no room for little; that little more can be stored proves nothing.
#[test]
fn what_had_no_room_beside_the_store_is_an_outage_until_more_than_it_can_be_stored() {
    const ROOM: usize = 48 << 10;
    let harness = Harness::new();
    let session = harness.session("files");
    let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    harness
        .wait(harness.writer().lose("run/1".into(), full()))
        .expect("told");
    let told = harness.reader().health();
    let outage = told.outage.expect("it was told");
    assert!(outage.reason.to_string().starts_with("run/1: "), "{outage:?}");
    session
        .submit(session.batch(WHOLE, vec![upsert(config_map("shop/a", "1"))], None))
        .expect_err("its session ended");
    harness.engine.leave_room(Some(ROOM));
    harness.wait(harness.writer().probe()).expect_err("no room");
    assert!(harness.reader().health().outage.is_some());
    harness.engine.leave_room(None);
    harness.wait(harness.writer().probe()).expect("there is room");
    assert!(harness.reader().health().outage.is_none());
}

#[test]
fn a_damaged_store_stores_nothing_any_more_and_can_still_be_read() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![
        upsert(config_map("shop/a", "1")),
        upsert(config_map("shop/b", "1")),
    ]);
    let key = place_of(&harness, &cm("shop/a"));
    harness
        .engine
        .write(&mut |tables| {
            tables.put(Table::Inventory, &key, b"\xff")?;
            Ok(Finish::Commit)
        })
        .expect("damaged");
    let revision = harness.revision();
    let answer = session.submit(session.batch(WHOLE, vec![upsert(config_map("shop/a", "2"))], None));
    assert!(
        matches!(&answer, Err(StoreError::Engine(error)) if matches!(&**error, EngineError::Row { .. })),
        "{answer:?}"
    );
    let commits = harness.engine.commits();
    let outage = harness.reader().health().outage.expect("damaged");
    assert!(outage.is_damage());
    let refused = harness.raise("others").expect_err("damaged");
    assert_eq!(refused.to_string(), outage.reason.to_string());
    harness.wait(harness.writer().probe()).expect_err("damaged");
    assert_eq!((harness.engine.commits(), harness.revision()), (commits, revision));
    assert!(harness.get(&cm("shop/b")).is_some());
}

/// Where the inventory has the row of an object.
fn place_of(harness: &Harness, key: &Key) -> Vec<u8> {
    let encoded = key.encode();
    let rows = rows(&*harness.engine).into_iter();
    let mut places = rows.filter(|(table, place, _)| *table == Table::Inventory && place.ends_with(&encoded));
    places.next().expect("a row").1
}
