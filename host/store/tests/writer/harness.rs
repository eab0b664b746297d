//! A store over memory, with a clock that is set, and what tests ask of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k1s_object::{DeclaredKey, InstanceId, Key, Timestamp};
use k1s_store::clock::Clock;
use k1s_store::engine::{Engine, KeyRange, MemoryEngine, RedbEngine, RedbOptions};
use k1s_store::reader::{HeldPrune, KnownPosition, KnownRow, StoredObject, Version};
use k1s_store::row::{HeldRow, InventoryRow, PendingRow, Standing};
use k1s_store::served::Servery;
use k1s_store::writer::{Edit, EditBody, Edited, Precondition, Writer};
use k1s_store::{OpenOptions, Reader, Store, StoreError, Table};
use k1s_sync_engine::id::{Epoch, Revision, ScopeId, SourceName, Token};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::problem::ProblemCode;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::faulty::FaultyEngine;
pub(crate) use crate::session::Session;

/// The only scope of sources that have one.
pub(crate) const WHOLE: &str = "";
/// What places say they are, unless a test says otherwise.
pub(crate) const ROOT: &str = "root";

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A store and what a test needs around it.
pub(crate) struct Harness {
    pub(crate) engine: Arc<FaultyEngine>,
    clock: Arc<ManualClock>,
    store: RefCell<Option<Store>>,
    runtime: Runtime,
    /// Where a file is, for engines that have one.
    _directory: Option<TempDir>,
}

/// What a store is kept in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    InMemory,
    InFile,
}

/// Runs each case on each engine.
macro_rules! on_every_engine {
    ($($case:ident,)+) => {
        mod in_memory {
            $(#[test] fn $case() { super::$case(&crate::harness::Harness::kept(crate::harness::Kept::InMemory)); })+
        }
        mod in_file {
            $(#[test] fn $case() { super::$case(&crate::harness::Harness::kept(crate::harness::Kept::InFile)); })+
        }
    };
}
pub(crate) use on_every_engine;

impl Harness {
    pub(crate) fn new() -> Self {
        Self::kept(Kept::InMemory)
    }

    pub(crate) fn kept(kept: Kept) -> Self {
        let (tables, directory): (Box<dyn Engine>, _) = match kept {
            Kept::InMemory => (Box::new(MemoryEngine::new()), None),
            Kept::InFile => {
                let directory = TempDir::new().expect("a directory");
                let engine = RedbEngine::open(&directory.path().join("store"), RedbOptions::default());
                (Box::new(engine.expect("opens")), Some(directory))
            }
        };
        let engine = Arc::new(FaultyEngine::over(tables));
        let clock = Arc::new(ManualClock(AtomicU64::new(1_700_000_000_000)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let harness = Self {
            engine,
            clock,
            store: RefCell::default(),
            runtime,
            _directory: directory,
        };
        harness.store.replace(Some(harness.open(None).expect("opens")));
        harness
    }

    /// Opens the store, asking for an instance id or not.
    pub(crate) fn open(&self, instance_id: Option<&str>) -> Result<Store, StoreError> {
        let id = |text: &str| InstanceId::new(text).expect("valid");
        let engine: Arc<dyn Engine> = self.engine.clone();
        let options = OpenOptions {
            instance_id: instance_id.map(id),
            new_instance_id: id("test-1"),
            clock: self.clock.clone(),
        };
        Store::open(engine, options)
    }

    /// Closes the store and opens it again, as a new host would.
    pub(crate) fn reopen(&self) {
        self.close();
        self.store.replace(Some(self.open(None).expect("opens")));
    }

    pub(crate) fn close(&self) {
        self.store.take().expect("open").close().expect("closes");
    }

    pub(crate) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("short");
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn reader(&self) -> Reader {
        self.store.borrow().as_ref().expect("open").reader().clone()
    }

    pub(crate) fn writer(&self) -> Writer {
        self.store.borrow().as_ref().expect("open").writer().clone()
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn raise(&self, name: &str) -> Result<Epoch, StoreError> {
        self.wait(self.writer().raise_epoch(source(name)))
    }

    /// Launches a source that wants nothing special.
    pub(crate) fn session(&self, name: &str) -> Session<'_> {
        self.session_with(name, SourcePolicy::default())
    }

    /// Launches a source.
    pub(crate) fn session_with(&self, name: &str, policy: SourcePolicy) -> Session<'_> {
        let epoch = self.raise(name).expect("raised");
        self.session_of(name, epoch, policy).expect("opened")
    }

    /// Opens the session of a launch.
    pub(crate) fn session_of(&self, name: &str, epoch: Epoch, policy: SourcePolicy) -> Result<Session<'_>, StoreError> {
        let name = source(name);
        let opening = self.wait(self.writer().open_session(name.clone(), epoch, policy))?;
        Ok(Session::new(self, name, epoch, opening))
    }

    /// Writes an object as a user.
    pub(crate) fn put(&self, key: &Key, body: Value) -> Edited {
        self.edit(key, EditBody::Put(body), Precondition::default())
            .expect("written")
    }

    /// Deletes an object as a user.
    pub(crate) fn delete(&self, key: &Key) -> Edited {
        self.edit(key, EditBody::Delete, Precondition::default())
            .expect("deleted")
    }

    pub(crate) fn edit(&self, key: &Key, body: EditBody, precondition: Precondition) -> Result<Edited, StoreError> {
        self.wait(self.writer().edit(Edit {
            key: key.clone(),
            body,
            precondition,
            user: "alice".into(),
        }))
    }

    pub(crate) fn get(&self, key: &Key) -> Option<StoredObject> {
        self.reader().get(key).expect("readable")
    }

    pub(crate) fn object(&self, key: &Key) -> StoredObject {
        self.get(key).unwrap_or_else(|| panic!("{key} is missing"))
    }

    /// The body of an object; null where there is none.
    pub(crate) fn body(&self, key: &Key) -> Value {
        self.get(key).map_or(Value::Null, |object| {
            serde_json::from_slice(&object.body).expect("JSON")
        })
    }

    /// The value a `config_map` of these tests holds.
    pub(crate) fn value(&self, key: &Key) -> Option<String> {
        self.body(key).pointer("/data/v")?.as_str().map(str::to_owned)
    }

    /// The source that owns an object.
    pub(crate) fn owner(&self, key: &Key) -> Option<String> {
        let owned = self.get(key)?.owned?;
        Some(owned.owner.source.to_string())
    }

    pub(crate) fn revision(&self) -> u64 {
        self.reader().revision().get()
    }

    /// Every version there is, whatever was dropped between them; who owns its object is left out.
    pub(crate) fn history(&self) -> Vec<Version> {
        let rows = crate::faulty::rows(&*self.engine).into_iter();
        rows.filter(|(table, ..)| *table == Table::Versions)
            .map(|(_, key, value)| {
                let revision = u64::from_be_bytes(key.try_into().expect("8 bytes"));
                let (head, body) = postcard::take_from_bytes(&value).expect("a version");
                Version {
                    revision: Revision::new(revision),
                    head,
                    body: body.to_vec(),
                    owned: None,
                }
            })
            .collect()
    }

    /// The revisions of which the version is kept.
    pub(crate) fn revisions(&self) -> BTreeSet<u64> {
        let mut revisions = BTreeSet::new();
        let tables = self.engine.read().expect("readable");
        let mut visit = |key: &[u8], _: &[u8]| {
            revisions.insert(u64::from_be_bytes(key.try_into().expect("8 bytes")));
            ControlFlow::Continue(())
        };
        tables
            .scan(Table::Versions, &KeyRange::all(), &mut visit)
            .expect("readable");
        revisions
    }

    pub(crate) fn servery(&self) -> Servery {
        self.store.borrow().as_ref().expect("open").servery().expect("readable")
    }

    /// What was written of an object, as the names of version states.
    pub(crate) fn states(&self, key: &Key) -> Vec<String> {
        let of_key = self.history().into_iter().filter(|version| version.head.key == *key);
        of_key.map(|version| format!("{:?}", version.head.state)).collect()
    }

    /// What a source's declarations wait for: key, code.
    pub(crate) fn pending(&self, name: &str) -> Vec<(String, ProblemCode)> {
        let rows = self.pending_rows(name);
        rows.into_iter().map(|row| (row.key.to_string(), row.code)).collect()
    }

    pub(crate) fn pending_rows(&self, name: &str) -> Vec<PendingRow> {
        let mut rows = Vec::new();
        self.reader()
            .pending(&source(name), &mut |_, row| rows.push(row))
            .expect("readable");
        rows
    }

    /// The one held prune of a source: head and keys.
    pub(crate) fn held(&self, name: &str) -> Option<(HeldRow, Vec<String>)> {
        let mut held = self.reader().held(&source(name)).expect("readable");
        assert!(held.len() <= 1, "{held:?}");
        let HeldPrune { head, uid_by_key, .. } = held.pop()?;
        assert_eq!(usize::try_from(head.rows).expect("few"), uid_by_key.len());
        Some((head, uid_by_key.keys().map(ToString::to_string).collect()))
    }

    pub(crate) fn rows(&self, name: &str) -> BTreeMap<(String, Key), InventoryRow> {
        let mut rows = BTreeMap::new();
        self.reader()
            .inventory(&source(name), &mut |scope, key, row| {
                rows.insert((scope.as_str().to_owned(), key), row);
            })
            .expect("readable");
        rows
    }

    /// The inventory row of a key in the only scope.
    pub(crate) fn row(&self, name: &str, key: &Key) -> Option<InventoryRow> {
        self.rows(name).remove(&(WHOLE.to_owned(), key.clone()))
    }

    pub(crate) fn standing(&self, name: &str, key: &Key) -> Option<Standing> {
        self.row(name, key).map(|row| row.standing)
    }

    pub(crate) fn known(&self, name: &str) -> Vec<KnownObject> {
        self.known_of(&source(name), &scope(WHOLE))
    }

    /// What the host holds of a scope, read in pages that are smaller than it.
    pub(crate) fn known_of(&self, source: &SourceName, scope: &ScopeId) -> Vec<KnownObject> {
        let (mut known, mut next) = (Vec::new(), Some(KnownPosition::default()));
        while let Some(from) = next {
            let mut take = |row: KnownRow<'_>| known.push(KnownObject::of(row));
            next = self
                .reader()
                .known(source, scope, from, 2, &mut take)
                .expect("readable");
        }
        known
    }
}

/// What the host holds of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownObject {
    pub(crate) key: DeclaredKey,
    pub(crate) source_version: String,
    pub(crate) path: String,
}

impl KnownObject {
    fn of(row: KnownRow<'_>) -> Self {
        let [group, kind, namespace, name] = row.key;
        Self {
            key: DeclaredKey::new(group, kind, namespace, name),
            source_version: row.source_version.to_owned(),
            path: row.path.to_owned(),
        }
    }
}

pub(crate) fn source(name: &str) -> SourceName {
    SourceName::new(name).expect("valid")
}

pub(crate) fn scope(id: &str) -> ScopeId {
    ScopeId::new(id).expect("short")
}

pub(crate) fn token(text: &str) -> Token {
    Token::new(text.as_bytes().to_vec().into()).expect("short")
}
