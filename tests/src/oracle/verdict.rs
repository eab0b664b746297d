//! The states that a folder had, and what may follow from them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use k1s_object::Key;
use serde_json::{Value, json};

use super::{Event, EventKind, Folder, Journal, Listing};

/// Complaints that are shown; further ones are only counted.
const SHOWN: usize = 8;

/// What each object was over time, `None` where it was not there. Neighbours always differ.
#[derive(Clone, Debug)]
pub struct History {
    states_by_key: BTreeMap<Key, Vec<Option<Value>>>,
    now: Folder,
}

impl History {
    /// Begins with what is in a folder.
    #[must_use]
    pub fn new(first: Folder) -> Self {
        let states = first
            .objects
            .iter()
            .map(|(key, body)| (key.clone(), vec![Some(body.clone())]));
        Self {
            states_by_key: states.collect(),
            now: first,
        }
    }

    /// Adds what is in the folder now.
    pub fn record(&mut self, now: Folder) {
        let keys: BTreeSet<&Key> = self.now.objects.keys().chain(now.objects.keys()).collect();
        for key in keys {
            let (before, after) = (self.now.objects.get(key), now.objects.get(key));
            if before != after {
                let states = self.states_by_key.entry(key.clone()).or_insert_with(|| vec![None]);
                states.push(after.cloned());
            }
        }
        self.now = now;
    }

    /// What is in the folder last.
    #[must_use]
    pub fn now(&self) -> &Folder {
        &self.now
    }

    /// How many changes there were.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.states_by_key.values().map(|states| states.len() - 1).sum()
    }
}

/// Judges what was told since a store was made, and what is listed at the end.
///
/// # Errors
/// Everything that is not as it has to be, the first complaints word by word.
pub fn verdict(history: &History, journal: &Journal, listing: &Listing) -> anyhow::Result<()> {
    let mut complaints = journal.faults.clone();
    complaints.extend(differences(history, listing));
    let mut events_by_key: BTreeMap<&Key, Vec<&Event>> = BTreeMap::new();
    for event in &journal.events {
        events_by_key.entry(&event.key).or_default().push(event);
    }
    for (key, events) in &events_by_key {
        complaints.extend(sequence(events).map(|complaint| format!("{key}: {complaint}")));
        let told = match history.states_by_key.get(*key) {
            Some(states) => states_in_order(states, events),
            None => host_made(key, events),
        };
        complaints.extend(told.map(|complaint| format!("{key}: {complaint}")));
    }
    complaints.extend(revisions(history, journal, listing.revision));
    let told: BTreeMap<&Key, u64> = journal
        .present()
        .into_iter()
        .map(|(key, event)| (key, event.revision))
        .collect();
    let listed: BTreeMap<&Key, u64> = listing
        .objects
        .iter()
        .map(|event| (&event.key, event.revision))
        .collect();
    if told != listed {
        complaints.push("what was told does not add up to what is listed".to_owned());
    }
    ensure!(
        complaints.is_empty(),
        "{} complaints:\n  {}",
        complaints.len(),
        complaints.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n  ")
    );
    Ok(())
}

/// Judges whether everything that was told of objects is in a store, or something younger: where an object is not there,
/// it is not in the folder either.
///
/// # Errors
/// The first thing that was told and is not there.
pub fn outlived(history: &History, journal: &Journal, stored: &Listing) -> anyhow::Result<()> {
    let stored: BTreeMap<&Key, &Event> = stored.objects.iter().map(|event| (&event.key, event)).collect();
    for (key, told) in journal.last() {
        let outlived = match (told.kind, stored.get(key)) {
            (EventKind::Deleted, None) => true,
            (EventKind::Deleted, Some(stored)) => stored.revision > told.revision,
            (EventKind::Listed | EventKind::Added | EventKind::Modified, None) => {
                !history.now.objects.contains_key(key)
            }
            (EventKind::Listed | EventKind::Added | EventKind::Modified, Some(stored)) => {
                stored.revision > told.revision || (stored.revision == told.revision && stored.body == told.body)
            }
        };
        ensure!(
            outlived,
            "{key} was {:?} at revision {}, and that is lost",
            told.kind,
            told.revision
        );
    }
    Ok(())
}

/// Where the store and the folder differ.
fn differences(history: &History, listing: &Listing) -> Vec<String> {
    let stored: BTreeMap<&Key, &Value> = listing.objects.iter().map(|event| (&event.key, &event.body)).collect();
    let declared = &history.now.objects;
    let missing = declared.iter().filter_map(|(key, body)| match stored.get(key) {
        None => Some(format!("{key} is in the folder, not in the store")),
        Some(stored) if *stored != body => Some(format!("{key} is {stored}, and not {body}")),
        Some(_) => None,
    });
    let extra = stored
        .keys()
        .filter(|key| !declared.contains_key(**key) && !is_namespace(key));
    missing
        .chain(extra.map(|key| format!("{key} is in the store, not in the folder")))
        .collect()
}

fn is_namespace(key: &Key) -> bool {
    &*key.group_kind.kind == "Namespace" && key.group_kind.group.is_empty()
}

/// What is wrong with the words of what was told of one object, with its uid and its revisions.
fn sequence(events: &[&Event]) -> Option<String> {
    let mut before: Option<&Event> = None;
    for event in events {
        let is_there = before.is_some_and(|before| before.kind != EventKind::Deleted);
        let fits = match event.kind {
            EventKind::Listed => before.is_none(),
            EventKind::Added => !is_there,
            EventKind::Modified | EventKind::Deleted => is_there,
        };
        if !fits {
            return Some(format!("{:?} after {:?}", event.kind, before.map(|before| before.kind)));
        }
        if before.is_some_and(|before| event.revision <= before.revision) {
            return Some(format!("revision {} again or too late", event.revision));
        }
        if before.is_some_and(|before| is_there != (before.uid == event.uid)) {
            return Some(format!("uid {} at revision {}", event.uid, event.revision));
        }
        before = Some(event);
    }
    None
}

/// What is wrong with what was told of an object that files declare at some time: each is a later state than the one before.
/// A namespace may be there before its file was read, because the host made it for its first object.
fn states_in_order(states: &[Option<Value>], events: &[&Event]) -> Option<String> {
    let events = match events {
        [first, rest @ ..] if is_bare_namespace(first) && !states.contains(&Some(first.body.clone())) => rest,
        all => all,
    };
    let mut left = states.iter();
    for event in events {
        let wanted = match event.kind {
            EventKind::Deleted => None,
            EventKind::Listed | EventKind::Added | EventKind::Modified => Some(&event.body),
        };
        if !left.any(|state| state.as_ref() == wanted) {
            let kind = event.kind;
            return Some(format!(
                "{kind:?} at revision {} is no later state of its file",
                event.revision
            ));
        }
    }
    None
}

/// Whether a namespace is new and as the host makes it.
fn is_bare_namespace(event: &Event) -> bool {
    let name = &*event.key.name;
    let bare = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    is_namespace(&event.key) && event.kind != EventKind::Deleted && event.body == bare
}

/// What is wrong with an object that no file ever declared.
fn host_made(key: &Key, events: &[&Event]) -> Option<String> {
    let is_made_once = matches!(
        events,
        [Event {
            kind: EventKind::Added | EventKind::Listed,
            ..
        }]
    );
    (!is_namespace(key) || !is_made_once)
        .then(|| format!("{:?}, and no file declares it", events.last().map(|event| event.kind)))
}

/// What is wrong with the revisions: none was used twice, and each is one thing that was told. From before everything was
/// watched, those may be missing with which the host made a namespace that a file declares as well.
fn revisions(history: &History, journal: &Journal, last: u64) -> Option<String> {
    let told: BTreeSet<u64> = journal.events.iter().map(|event| event.revision).collect();
    if told.len() != journal.events.len() {
        return Some("a revision is of two things".to_owned());
    }
    let untold: Vec<u64> = (1..=last).filter(|revision| !told.contains(revision)).collect();
    let namespaces = history.states_by_key.keys().filter(|key| is_namespace(key)).count();
    if untold.iter().any(|revision| *revision > journal.begun) || untold.len() > namespaces {
        return Some(format!("revisions {untold:?} are of nothing that was told"));
    }
    told.last()
        .filter(|told| **told > last)
        .map(|told| format!("{told} was told, {last} is the last"))
}

#[cfg(test)]
mod tests;
