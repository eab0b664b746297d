//! What a watch shows of changes.

use k1s_store::reader::ChangeFilter;
use k1s_store::row::VersionState;
use k1s_sync_engine::id::Revision;
use serde_json::Value;

use crate::documents::{cm, config_map, delete, ns, upsert};
use crate::harness::{Harness, on_every_engine};

on_every_engine! {
    what_is_served_of_a_change_is_what_get_shows,
    a_deletion_is_served_with_the_last_state_and_its_own_revision,
}

fn last_served(harness: &Harness) -> (VersionState, Value) {
    let after = Revision::new(harness.revision() - 1);
    let changes = harness
        .reader()
        .changes(after, 9, &ChangeFilter::All)
        .expect("readable");
    let [version] = changes.versions.as_slice() else {
        panic!("{changes:?}")
    };
    let served = harness
        .servery()
        .serve_version(version, version.owned.as_ref())
        .expect("a body");
    (version.head.state, served)
}

fn what_is_served_of_a_change_is_what_get_shows(harness: &Harness) {
    let session = harness.session("files");
    let shown = |path: &str| harness.servery().serve(&harness.object(&cm(path))).expect("a body");
    harness.put(&cm("one/mine"), config_map("one/mine", "1"));
    assert_eq!(last_served(harness), (VersionState::Created, shown("one/mine")));
    harness.put(&ns("one"), crate::documents::namespace("one"));
    for (value, state) in [("1", VersionState::Created), ("2", VersionState::Updated)] {
        session.apply(vec![upsert(config_map("one/a", value))]);
        let (told, served) = last_served(harness);
        assert_eq!((told, &served), (state, &shown("one/a")));
        assert_eq!(
            served.pointer("/metadata/annotations/sync.k1s.io~1source"),
            Some(&Value::from("files"))
        );
    }
    let mut edited = config_map("one/a", "2");
    edited["data"]["more"] = "mine".into();
    harness.put(&cm("one/a"), edited);
    assert_eq!(last_served(harness), (VersionState::Updated, shown("one/a")));
}

fn a_deletion_is_served_with_the_last_state_and_its_own_revision(harness: &Harness) {
    let session = harness.session("files");
    session.list(vec![
        upsert(config_map("one/a", "1")),
        upsert(config_map("one/b", "1")),
        upsert(config_map("one/c", "1")),
    ]);
    let told = |before: &Value| {
        let (state, served) = last_served(harness);
        let mut expected = before.clone();
        expected["metadata"]["resourceVersion"] = harness.revision().to_string().into();
        assert_eq!((state, served), (VersionState::Deleted, expected));
    };
    let shown = |path: &str| harness.servery().serve(&harness.object(&cm(path))).expect("a body");
    // By its source, whose row is gone with it, and by a user, after whom it is still there.
    let before = shown("one/a");
    session.apply(vec![delete(&config_map("one/a", "1"))]);
    told(&before);
    let before = shown("one/b");
    harness.delete(&cm("one/b"));
    told(&before);
    // Of another life of the object, nothing is said.
    session.apply(vec![upsert(config_map("one/b", "1"))]);
    let deletion = Revision::new(harness.revision() - 2);
    let changes = harness
        .reader()
        .changes(deletion, 1, &ChangeFilter::All)
        .expect("readable");
    assert_eq!(
        (changes.versions[0].head.state, &changes.versions[0].owned),
        (VersionState::Deleted, &None)
    );
    // Nobody owns it, so nobody is named.
    harness.put(&cm("one/free"), config_map("one/free", "1"));
    let before = shown("one/free");
    harness.delete(&cm("one/free"));
    told(&before);
    assert_eq!(before.pointer("/metadata/annotations"), None);
}
