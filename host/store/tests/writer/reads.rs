//! Lists as of a revision, and changes: against a plain log of every change, with writes in between and versions dropped.

use k1s_object::{GroupKind, Key};
use k1s_store::StoreError;
use k1s_store::reader::{ChangeFilter, StoredObject};
use k1s_store::row::{Mark, VersionState};
use k1s_sync_engine::id::Revision;
use proptest::prelude::*;

use crate::documents::{cm, config_map, ns, upsert};
use crate::harness::{Harness, Session, on_every_engine};

mod log;
mod run;
mod served;

use run::Run;

/// Objects that users write.
const USERS: [&str; 5] = ["one/a", "one/b", "one/c", "two/a", "two/b"];
/// Objects that a source declares, and users write too.
const SOURCES: [&str; 4] = ["one/s-a", "one/s-b", "one/s-c", "two/s-a"];
/// As many objects as make a page that is far behind.
const NOISE: usize = 1001;

/// One write, of which every change is in the log.
#[derive(Clone, Debug)]
enum Write {
    /// A user writes an object some times over.
    Put { object: usize, times: u8 },
    /// A user writes a Secret beside it.
    PutSecret(u8),
    /// A user deletes an object.
    Delete { object: usize },
    /// A source declares some objects and withdraws others, in one transaction.
    Batch(std::collections::BTreeMap<usize, Option<u8>>),
    /// A source writes more objects at once than a page goes through.
    Noise,
    /// Time goes by.
    Pass { minutes: u64 },
}

#[derive(Clone, Debug)]
enum Step {
    Write(Write),
    List {
        back: u64,
        limit: usize,
        filter: ChangeFilter,
        between: Vec<Write>,
    },
    Changes {
        back: u64,
        limit: usize,
        filter: ChangeFilter,
    },
}

fn write() -> impl Strategy<Value = Write> {
    let object = 0..USERS.len() + SOURCES.len();
    let change = prop::option::weighted(0.7, 0..3_u8);
    prop_oneof![
        60 => (object.clone(), prop_oneof![4 => 1..3_u8, 1 => 5..16_u8]).prop_map(|(object, times)| Write::Put { object, times }),
        10 => any::<u8>().prop_map(Write::PutSecret),
        40 => object.prop_map(|object| Write::Delete { object }),
        40 => prop::collection::btree_map(0..SOURCES.len(), change, 1..4).prop_map(Write::Batch),
        1 => Just(Write::Noise),
        15 => (20..90_u64).prop_map(|minutes| Write::Pass { minutes }),
    ]
}

fn filter() -> impl Strategy<Value = ChangeFilter> {
    let kind = prop_oneof![3 => Just("ConfigMap"), 1 => Just("Secret"), 1 => Just("Absent")];
    let namespace = prop_oneof![Just("one"), Just("two"), Just("none")];
    prop_oneof![
        kind.clone()
            .prop_map(|kind| ChangeFilter::Kind(GroupKind::new("", kind))),
        (kind, namespace)
            .prop_map(|(kind, namespace)| ChangeFilter::Namespace(GroupKind::new("", kind), namespace.into())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let back = || prop_oneof![6 => 0..12_u64, 2 => 0..40_u64, 1 => 0..2500_u64];
    let list = (back(), 0..7_usize, filter(), prop::collection::vec(write(), 0..6));
    let changes = (
        back(),
        1..9_usize,
        prop_oneof![1 => Just(ChangeFilter::All), 2 => filter()],
    );
    prop_oneof![
        3 => write().prop_map(Step::Write),
        2 => list.prop_map(|(back, limit, filter, between)| Step::List { back, limit: limit.max(1), filter, between }),
        1 => changes.prop_map(|(back, limit, filter)| Step::Changes { back, limit, filter }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lists_and_changes_are_those_of_the_log(steps in prop::collection::vec(step(), 1..40)) {
        let harness = Harness::new();
        let mut run = Run::new(&harness);
        for step in steps {
            run.step(step);
        }
    }
}

on_every_engine! {
    a_list_in_pages_is_of_one_revision,
    a_page_far_behind_is_the_same_page,
    a_list_of_the_window_s_first_revision_is_whole,
    what_is_dropped_is_too_old_and_what_is_not_published_is_not_yet,
    a_quiet_kind_is_watched_without_its_changes,
    what_was_before_a_change_is_told_or_nothing,
}

fn config_maps() -> GroupKind {
    GroupKind::new("", "ConfigMap")
}

fn paths(objects: &[StoredObject]) -> Vec<String> {
    objects
        .iter()
        .map(|object| format!("{}/{}", object.key.namespace, object.key.name))
        .collect()
}

/// Writes an object so often, an hour later, that all but its last versions go.
fn drop_old(harness: &Harness, path: &str) -> (Revision, Revision) {
    for round in 0..3 {
        harness.pass(std::time::Duration::from_secs(3601));
        for value in 0..20 {
            harness.put(&cm(path), config_map(path, &format!("{round}.{value}")));
        }
    }
    let trimmed = harness.reader().oldest_watchable().expect("readable");
    assert!(trimmed > Revision::default());
    let Err(StoreError::TooOld { oldest, .. }) =
        harness
            .reader()
            .list_at(&config_maps(), None, None, 9, Revision::default())
    else {
        panic!("not too old");
    };
    (trimmed, oldest)
}

fn a_list_in_pages_is_of_one_revision(harness: &Harness) {
    let paths_before = ["one/a", "one/b", "one/c", "two/a", "two/z"];
    for path in paths_before {
        harness.put(&cm(path), config_map(path, "before"));
    }
    let (reader, at) = (harness.reader(), Revision::new(harness.revision()));
    let mut from = None;
    let mut seen = Vec::new();
    for (turn, change) in ["two/b", "one/b", "two/z", "one/c", "two/a"].into_iter().enumerate() {
        let page = reader
            .list_at(&config_maps(), None, from.as_ref(), 1, at)
            .expect("readable");
        assert_eq!(page.objects.len(), 1);
        seen.extend(page.objects);
        from = page.next;
        // What comes later is changed, appears, or goes without a trace; and so does what came before.
        if turn % 2 == 0 {
            harness.put(&cm(change), config_map(change, "after"));
            harness.delete(&cm(change));
        } else {
            harness.put(&cm(change), config_map(change, "after"));
        }
    }
    assert_eq!((paths(&seen), from), (paths_before.map(str::to_owned).into(), None));
    for (object, revision) in seen.iter().zip(1..) {
        assert!(String::from_utf8_lossy(&object.body).contains("before"), "{object:?}");
        assert_eq!((object.revision.get(), object.generation), (revision, 1));
    }
}

/// More changes than are put back: the page comes from the index of versions.
fn a_page_far_behind_is_the_same_page(harness: &Harness) {
    let session = harness.session("files");
    session.apply(vec![
        upsert(config_map("one/a", "1")),
        upsert(config_map("one/b", "1")),
        upsert(config_map("one/c", "1")),
    ]);
    harness.delete(&cm("one/b"));
    let at = Revision::new(harness.revision());
    let list = |from: Option<&Key>, limit| {
        harness
            .reader()
            .list_at(&config_maps(), None, from, limit, at)
            .expect("readable")
    };
    let near = list(None, 9);
    assert_eq!(paths(&near.objects), ["one/a", "one/c"]);
    let noise: Vec<_> = (0..NOISE)
        .map(|number| upsert(config_map(&format!("one/n-{number:04}"), "1")))
        .collect();
    session.apply(noise);
    harness.delete(&cm("one/c"));
    // What is remembered of an object beside it is as of now: somebody else wrote this one.
    let far = list(None, 9);
    let as_it_was = |object: &StoredObject| (object.key.clone(), object.uid, object.revision, object.body.clone());
    assert!(far.objects.iter().map(as_it_was).eq(near.objects.iter().map(as_it_was)));
    let mark = |object: &StoredObject| object.owned.as_ref().map(|owned| owned.row.mark);
    let marks: Vec<_> = far.objects.iter().map(mark).collect();
    assert_eq!(marks, [Some(Mark::Clean), Some(Mark::Written)]);
    let first = list(None, 1);
    assert_eq!(
        (paths(&first.objects), first.next),
        (vec!["one/a".to_owned()], Some(cm("one/c")))
    );
    assert_eq!(list(Some(&cm("one/c")), 1).objects, far.objects[1..]);
    assert_eq!(list(Some(&cm("one/d")), 1), Default::default());
}

/// The version that stood when the window began is kept, however often the object was written since.
fn a_list_of_the_window_s_first_revision_is_whole(harness: &Harness) {
    harness.put(&cm("one/a"), config_map("one/a", "old"));
    harness.pass(std::time::Duration::from_secs(7200));
    harness.put(&cm("one/b"), config_map("one/b", "1"));
    let at = Revision::new(harness.revision());
    for value in 0..40 {
        harness.put(&cm("one/a"), config_map("one/a", &value.to_string()));
    }
    let page = harness
        .reader()
        .list_at(&config_maps(), None, None, 9, at)
        .expect("within the window");
    assert_eq!(
        page.objects
            .iter()
            .map(|object| object.revision.get())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(String::from_utf8_lossy(&page.objects[0].body).contains("old"));
}

fn what_is_dropped_is_too_old_and_what_is_not_published_is_not_yet(harness: &Harness) {
    let (trimmed, listable) = drop_old(harness, "one/a");
    let reader = harness.reader();
    let before = |revision: Revision| Revision::new(revision.get() - 1);
    let changes = |after| reader.changes(after, 9, &ChangeFilter::All);
    assert_eq!(changes(trimmed).expect("kept").versions[0].revision, trimmed.next());
    assert!(matches!(changes(before(trimmed)), Err(StoreError::TooOld { oldest, .. }) if oldest == trimmed));
    let list = |at| reader.list_at(&config_maps(), None, None, 9, at);
    assert_eq!(list(listable).expect("kept").objects.len(), 1);
    let asked = before(listable);
    let refused = list(asked).expect_err("dropped");
    assert!(matches!(refused, StoreError::TooOld { asked: of, oldest } if (of, oldest) == (asked, listable)));
    let revision = reader.revision();
    let future = revision.next();
    assert!(
        matches!(list(future), Err(StoreError::NotYet { asked, revision: at }) if (asked, at) == (future, revision))
    );
    let nothing = changes(future.next()).expect("no failure");
    assert_eq!((nothing.versions.len(), nothing.reached), (0, future.next()));
    // It is known after a restart, too.
    harness.reopen();
    assert_eq!(harness.reader().oldest_watchable().expect("readable"), trimmed);
}

fn a_quiet_kind_is_watched_without_its_changes(harness: &Harness) {
    let session = harness.session("files");
    harness.put(&ns("one"), crate::documents::namespace("one"));
    let reader = harness.reader();
    // More than a call looks at.
    for round in 0..2 {
        session.apply(
            (0..5001)
                .map(|number| upsert(config_map(&format!("one/n-{number:04}"), &round.to_string())))
                .collect(),
        );
    }
    harness.put(&ns("two"), crate::documents::namespace("two"));
    let quiet = ChangeFilter::Kind(GroupKind::new("", "Namespace"));
    let first = reader.changes(Revision::new(1), 9, &quiet).expect("readable");
    assert_eq!((first.versions.len(), first.reached.get()), (0, 10_001));
    let rest = reader.changes(first.reached, 9, &quiet).expect("readable");
    assert_eq!((rest.versions.len(), rest.reached.get()), (1, harness.revision()));
    assert_eq!(rest.versions[0].head.key, ns("two"));
    let none = reader.changes(rest.reached, 9, &quiet).expect("readable");
    assert_eq!((none.versions.len(), none.reached), (0, rest.reached));
}

fn what_was_before_a_change_is_told_or_nothing(harness: &Harness) {
    let key = cm("one/a");
    harness.put(&key, config_map("one/a", "1"));
    harness.put(&cm("one/b"), config_map("one/b", "1"));
    harness.put(&key, config_map("one/a", "2"));
    harness.delete(&key);
    harness.put(&key, config_map("one/a", "3"));
    let before = |revision: u64| {
        let version = harness
            .reader()
            .version_before(&key, Revision::new(revision))
            .expect("readable");
        version.map(|version| (version.revision.get(), version.head.state))
    };
    for (revision, expected) in [
        (0, None),
        (1, None),
        (2, Some((1, VersionState::Created))),
        (3, Some((1, VersionState::Created))),
        (4, Some((3, VersionState::Updated))),
        (5, Some((4, VersionState::Deleted))),
        (6, Some((5, VersionState::Created))),
    ] {
        assert_eq!(before(revision), expected, "{revision}");
    }
    let (_, listable) = drop_old(harness, "one/a");
    assert_eq!(before(listable.get()), None);
    assert!(before(listable.get() + 1).is_some());
    // What a source applied is kept, and is not what was before the versions that are.
    harness.session("files").apply(vec![upsert(config_map("one/c", "1"))]);
    drop_old(harness, "one/c");
    let kept = harness
        .history()
        .into_iter()
        .filter(|version| version.head.key == cm("one/c"));
    let kept: Vec<Revision> = kept.map(|version| version.revision).collect();
    assert!(kept[0].next() < kept[1], "{kept:?}");
    let reader = harness.reader();
    let before = |revision| reader.version_before(&cm("one/c"), revision).expect("readable");
    assert_eq!(before(kept[1]), None);
    assert_eq!(before(kept[2]).map(|version| version.revision), Some(kept[1]));
}

/// A session of the source whose objects users write, too.
fn launch<'h>(harness: &'h Harness, name: &str) -> Session<'h> {
    let policy = k1s_sync_engine::policy::SourcePolicy {
        guard: k1s_sync_engine::guard::GuardLimit {
            min: 10_000,
            percent: 100,
        },
        ..Default::default()
    };
    harness.session_with(name, policy)
}
