//! What a run does: to the store and to the log, and what it compares.

use std::collections::BTreeMap;
use std::time::Duration;

use k1s_object::{GroupKind, Key};
use k1s_store::StoreError;
use k1s_store::reader::{ChangeFilter, StoredObject, Version};
use k1s_store::row::VersionState;
use k1s_sync_engine::id::Revision;
use serde_json::Value;

use super::log::{Known, Log};
use super::{NOISE, SOURCES, Step, USERS, Write, launch};
use crate::documents::{cm, config_map, delete, namespace, ns, upsert};
use crate::harness::{Harness, Session};

pub(super) struct Run<'h> {
    harness: &'h Harness,
    source: Session<'h>,
    noise: Session<'h>,
    log: Log,
    /// Makes each value another.
    writes: u64,
}

impl<'h> Run<'h> {
    pub(super) fn new(harness: &'h Harness) -> Self {
        let mut run = Self {
            harness,
            source: launch(harness, "files"),
            noise: launch(harness, "noise"),
            log: Log::default(),
            writes: 0,
        };
        for name in ["one", "two"] {
            harness.put(&ns(name), namespace(name));
            run.log.set(&ns(name), Some(""));
        }
        run
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Write(write) => self.write(&write),
            Step::List {
                back,
                limit,
                filter,
                between,
            } => self.list(back, limit, &filter, &between),
            Step::Changes { back, limit, filter } => self.changes(back, limit, &filter),
        }
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::Put { object, times } => self.put(*object, *times),
            Write::PutSecret(value) => {
                let key = Key::new("", "Secret", "one", "a");
                let mut body = config_map("one/a", &value.to_string());
                body["kind"] = "Secret".into();
                self.harness.put(&key, body);
                self.log.set(&key, Some(&value.to_string()));
            }
            Write::Delete { object } => {
                let key = cm(path(*object));
                if self.log.value(&key).is_some() {
                    self.harness.delete(&key);
                    self.log.set(&key, None);
                }
            }
            Write::Batch(changes) => self.batch(changes),
            Write::Noise => self.make_noise(),
            Write::Pass { minutes } => self.harness.pass(Duration::from_secs(60 * minutes)),
        }
        assert_eq!(self.harness.revision(), self.log.revision(), "{write:?}");
    }

    fn put(&mut self, object: usize, times: u8) {
        let key = cm(path(object));
        // A stranger's object in the place of its own would make the source wait.
        if object >= USERS.len() && self.log.value(&key).is_none() {
            return;
        }
        for _ in 0..times {
            self.writes += 1;
            let value = format!("w{}", self.writes);
            self.harness.put(&key, config_map(path(object), &value));
            self.log.set(&key, Some(&value));
        }
    }

    /// Creates and updates come first, then deletes.
    fn batch(&mut self, changes: &BTreeMap<usize, Option<u8>>) {
        let mut events = Vec::new();
        for (index, value) in changes {
            let body = config_map(SOURCES[*index], &value.unwrap_or(0).to_string());
            events.push(if value.is_some() { upsert(body) } else { delete(&body) });
        }
        self.source.apply(events);
        for (index, value) in changes.iter().filter(|(_, value)| value.is_some()) {
            let text = value.map(|value| value.to_string());
            self.log.set(&cm(SOURCES[*index]), text.as_deref());
        }
        for (index, _) in changes.iter().filter(|(_, value)| value.is_none()) {
            self.log.set(&cm(SOURCES[*index]), None);
        }
    }

    fn make_noise(&mut self) {
        self.writes += 1;
        let value = format!("w{}", self.writes);
        let path = |number: usize| format!("two/n-{number:04}");
        let events = (0..NOISE).map(|number| upsert(config_map(&path(number), &value)));
        self.noise.apply(events.collect());
        for number in 0..NOISE {
            self.log.set(&cm(&path(number)), Some(&value));
        }
    }

    /// From which revision on changes, and states, can be told, by the versions that are there.
    fn oldest(&self) -> (u64, u64) {
        let kept = self.harness.revisions();
        self.log.oldest(&kept)
    }

    fn list(&mut self, back: u64, limit: usize, filter: &ChangeFilter, between: &[Write]) {
        let at = self.log.revision().saturating_sub(back);
        let (kind, namespace) = match filter {
            ChangeFilter::All => return,
            ChangeFilter::Kind(kind) => (kind.clone(), None),
            ChangeFilter::Namespace(kind, namespace) => (kind.clone(), Some(&**namespace)),
        };
        let mut between = between.iter();
        let (mut from, mut found): (Option<Key>, Vec<StoredObject>) = (None, Vec::new());
        loop {
            let reader = self.harness.reader();
            let (_, oldest) = self.oldest();
            match reader.list_at(&kind, namespace, from.as_ref(), limit, Revision::new(at)) {
                Ok(page) => {
                    assert!(page.objects.len() <= limit, "{page:?}");
                    assert!(at >= oldest, "a list of {at} is answered after {oldest}");
                    found.extend(page.objects);
                    from = page.next;
                }
                Err(StoreError::TooOld { asked, oldest: told }) => {
                    assert_eq!((asked.get(), told.get()), (at, oldest));
                    assert!(at < oldest);
                    return;
                }
                Err(error) => panic!("{error}"),
            }
            if from.is_none() {
                break;
            }
            if let Some(write) = between.next() {
                self.write(write);
            }
        }
        let found: Vec<(Key, Known)> = found.iter().map(known).collect();
        assert_eq!(found, self.log.state(at, filter).into_iter().collect::<Vec<_>>());
        self.list_current(&kind);
    }

    /// What is current is the last of all states.
    fn list_current(&self, kind: &GroupKind) {
        let page = self
            .harness
            .reader()
            .list(kind, None, None, usize::MAX)
            .expect("readable");
        let found: Vec<(Key, Known)> = page.objects.iter().map(known).collect();
        let now = self.log.state(self.log.revision(), &ChangeFilter::Kind(kind.clone()));
        assert_eq!(found, now.into_iter().collect::<Vec<_>>());
    }

    fn changes(&self, back: u64, limit: usize, filter: &ChangeFilter) {
        let after = self.log.revision().saturating_sub(back);
        let (oldest, _) = self.oldest();
        let reader = self.harness.reader();
        assert_eq!(reader.oldest_watchable().expect("readable").get(), oldest);
        let (mut reached, mut found) = (Revision::new(after), Vec::new());
        loop {
            let page = match reader.changes(reached, limit, filter) {
                Ok(page) => page,
                Err(StoreError::TooOld { asked, oldest: told }) => {
                    assert_eq!((asked.get(), told.get()), (after, oldest));
                    assert!(after < oldest);
                    return;
                }
                Err(error) => panic!("{error}"),
            };
            assert!(after >= oldest, "changes after {after} are told after {oldest}");
            assert!(page.versions.len() <= limit);
            found.extend(page.versions);
            if page.reached == reached {
                break;
            }
            reached = page.reached;
        }
        assert_eq!(reached.get(), self.log.revision());
        for version in &found {
            self.check_owned(version);
        }
        let found: Vec<_> = found.iter().map(told).collect();
        assert_eq!(found, self.log.changes(after, filter));
    }

    /// The last change of an object says of its owner what the object itself says.
    fn check_owned(&self, version: &Version) {
        if let Some(object) = self.harness.get(&version.head.key)
            && object.revision == version.revision
        {
            assert_eq!((&version.owned, version.head.uid), (&object.owned, object.uid));
        }
    }
}

fn path(object: usize) -> &'static str {
    USERS
        .get(object)
        .copied()
        .unwrap_or_else(|| SOURCES[object - USERS.len()])
}

fn value_of(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    body.pointer("/data/v")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn known(object: &StoredObject) -> (Key, Known) {
    let known = Known {
        value: value_of(&object.body),
        revision: object.revision.get(),
        generation: object.generation,
    };
    (object.key.clone(), known)
}

fn told(version: &Version) -> (u64, Key, Option<String>) {
    let value = match version.head.state {
        VersionState::Deleted => None,
        VersionState::Created | VersionState::Updated => Some(value_of(&version.body)),
    };
    (version.revision.get(), version.head.key.clone(), value)
}
