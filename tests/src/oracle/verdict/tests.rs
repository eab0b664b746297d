use serde_json::json;

use super::EventKind::{Added, Deleted, Listed, Modified};
use super::*;

fn key(name: &str) -> Key {
    Key::new("", "ConfigMap", "n", name)
}

fn folder(objects: &[(&str, u64)]) -> Folder {
    Folder {
        objects: objects.iter().map(|(name, value)| (key(name), json!(value))).collect(),
    }
}

fn event(kind: EventKind, name: &str, value: u64, revision: u64) -> Event {
    Event {
        kind,
        key: key(name),
        revision,
        uid: name.to_owned(),
        body: json!(value),
    }
}

/// Of a folder that had `a` and `b`; then `a` was edited twice, `b` removed and `c` added.
fn history() -> History {
    let mut history = History::new(folder(&[("a", 1), ("b", 1)]));
    for now in [&[("a", 2), ("b", 1)][..], &[("a", 3)], &[("a", 3), ("c", 1)]] {
        history.record(folder(now));
    }
    assert_eq!(history.changes(), 4);
    history
}

fn begin() -> Vec<Event> {
    vec![event(Listed, "a", 1, 1), event(Listed, "b", 1, 2)]
}

fn judged(events: Vec<Event>) -> Result<(), String> {
    let journal = Journal {
        events,
        ..Journal::default()
    };
    let mut objects: Vec<Event> = journal.present().into_values().cloned().collect();
    objects.iter_mut().for_each(|object| object.kind = Listed);
    let revision = journal
        .events
        .iter()
        .map(|event| event.revision)
        .max()
        .unwrap_or_default();
    let listing = Listing { objects, revision };
    verdict(&history(), &journal, &listing).map_err(|error| error.to_string())
}

#[test]
fn what_the_folder_was_is_accepted_with_and_without_what_lay_between() {
    let all = [
        event(Modified, "a", 2, 3),
        event(Modified, "a", 3, 4),
        event(Deleted, "b", 1, 5),
        event(Added, "c", 1, 6),
    ];
    assert_eq!(judged([begin(), all.to_vec()].concat()), Ok(()));
    let fewer = [
        event(Deleted, "b", 1, 3),
        event(Added, "c", 1, 4),
        event(Modified, "a", 3, 5),
    ];
    assert_eq!(judged([begin(), fewer.to_vec()].concat()), Ok(()));
}

#[test]
fn what_must_not_happen_is_complained_of() {
    let rest = [
        event(Deleted, "b", 1, 3),
        event(Added, "c", 1, 4),
        event(Modified, "a", 3, 5),
    ];
    let other_uid = Event {
        uid: "other".to_owned(),
        ..event(Modified, "a", 3, 5)
    };
    for (events, complaint) in [
        // The folder's last state is missing.
        (vec![], "is in the folder, not in the store"),
        (rest[..2].to_vec(), "a is 1, and not 3"),
        (rest[1..].to_vec(), "b is in the store, not in the folder"),
        // A flap.
        (
            vec![
                rest[0].clone(),
                rest[1].clone(),
                event(Deleted, "a", 1, 5),
                event(Added, "a", 3, 6),
            ],
            "a: Deleted at revision 5 is no later state of its file",
        ),
        // A version without a change, one that goes back, and one that never was.
        (
            [&rest[..], &[event(Modified, "a", 3, 6)]].concat(),
            "a: Modified at revision 6 is no later state",
        ),
        (
            [&rest[..], &[event(Modified, "a", 2, 6), event(Modified, "a", 3, 7)]].concat(),
            "revision 6 is no later",
        ),
        (
            [&rest[..], &[event(Modified, "c", 7, 6)]].concat(),
            "c: Modified at revision 6 is no later state",
        ),
        // Revisions that are of nothing, or of two things.
        (
            vec![rest[0].clone(), rest[1].clone(), event(Modified, "a", 3, 6)],
            "revisions [5] are of nothing",
        ),
        (
            vec![rest[0].clone(), rest[1].clone(), event(Modified, "a", 3, 4)],
            "a revision is of two things",
        ),
        // Words that do not fit.
        (vec![event(Added, "b", 1, 3)], "b: Added after Some(Listed)"),
        (vec![event(Deleted, "b", 1, 2)], "b: revision 2 again"),
        (
            vec![rest[0].clone(), rest[1].clone(), other_uid],
            "a: uid other at revision 5",
        ),
        ([&rest[..], &[event(Added, "d", 1, 6)]].concat(), "no file declares it"),
    ] {
        let told = judged([begin(), events].concat()).unwrap_err();
        assert!(told.contains(complaint), "{complaint:?} is not in {told}");
    }
}

#[test]
fn a_namespace_may_be_made_by_the_host_once() {
    let bare = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
    let declared = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {"x": "y"}}});
    let key = Key::new("", "Namespace", "", "n");
    let event = |kind, body: &Value, revision| Event {
        kind,
        key: key.clone(),
        revision,
        uid: "u".to_owned(),
        body: body.clone(),
    };
    let (made, adopted, gone) = (
        event(Added, &bare, 1),
        event(Modified, &declared, 2),
        event(Deleted, &bare, 3),
    );
    assert_eq!(host_made(&key, &[&made]), None);
    assert!(host_made(&key, &[&made, &gone]).is_some());
    let states = [None, Some(declared)];
    assert_eq!(states_in_order(&states, &[&made, &adopted]), None);
    assert!(states_in_order(&states, &[&adopted, &made]).is_some());
}
