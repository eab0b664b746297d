//! Random sources against a plain model of what they declare.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k1s_object::{ContentHash, GroupKind, Key};
use k1s_store::Table;
use k1s_store::engine::Engine as _;
use k1s_store::row::{Author, Standing, VersionState};
use k1s_sync_engine::decide::Adoption;
use k1s_sync_engine::event::Event;
use k1s_sync_engine::guard::{GuardLimit, ShrinkWindow};
use k1s_sync_engine::message::ScopeGone;
use k1s_sync_engine::policy::{EmptyRule, SourcePolicy};
use k1s_sync_engine::work::Absence;
use proptest::prelude::*;
use serde_json::Value;

use crate::documents::{at, cm, declared, delete, failed, seen, upsert, version};
use crate::harness::{Harness, Session, scope, source};

const SOURCES: [&str; 2] = ["alpha", "beta"];
const SCOPES: [&str; 2] = ["one", "two"];
const NAMES: [&str; 3] = ["a", "b", "c"];
/// Two ways to declare one object.
const NAMESPACES: [&str; 2] = ["", "default/"];

/// A scope of a source.
type Who = (usize, usize);
/// A way to declare an object: namespace, name.
type Form = (usize, usize);
/// What a scope declares, by form.
type Declared = BTreeMap<Form, u8>;

#[derive(Clone, Debug)]
struct Live {
    who: Who,
    changes: BTreeMap<Form, Option<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Complete,
    Incomplete,
    Abandoned,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Declared,
    Undeclared,
}

#[derive(Clone, Debug)]
enum Step {
    Live(Live),
    List {
        who: Who,
        ending: Ending,
        failing: Option<usize>,
        trusting: bool,
        meanwhile: Vec<Live>,
    },
    Put(usize, Field),
    Delete(usize),
    Restart(usize),
    Reselect(usize),
    Gone(Who),
    Replaced(usize),
    Pass(u64),
    Reopen,
}

#[derive(Clone, Debug)]
struct Setup {
    adoption: Adoption,
    guard: GuardLimit,
    empty: EmptyRule,
}

fn live() -> impl Strategy<Value = Live> {
    let form = (0..NAMESPACES.len(), 0..NAMES.len());
    let changes = prop::collection::btree_map(form, prop::option::weighted(0.7, 0..3_u8), 1..4);
    (who(), changes).prop_map(|(who, changes)| Live { who, changes })
}

fn who() -> impl Strategy<Value = Who> {
    (0..SOURCES.len(), 0..SCOPES.len())
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        4 => Just(Ending::Complete),
        1 => Just(Ending::Incomplete),
        1 => Just(Ending::Abandoned),
    ];
    let field = prop_oneof![Just(Field::Declared), Just(Field::Undeclared)];
    let failing = prop::option::weighted(0.2, 0..4_usize);
    let list = (
        who(),
        ending,
        failing,
        any::<bool>(),
        prop::collection::vec(live(), 0..2),
    );
    prop_oneof![
        8 => live().prop_map(Step::Live),
        8 => list.prop_map(|(who, ending, failing, trusting, meanwhile)| Step::List { who, ending, failing, trusting, meanwhile }),
        2 => (0..NAMES.len(), field).prop_map(|(name, field)| Step::Put(name, field)),
        1 => (0..NAMES.len()).prop_map(Step::Delete),
        1 => (0..SOURCES.len()).prop_map(Step::Restart),
        1 => (0..SOURCES.len()).prop_map(Step::Reselect),
        1 => who().prop_map(Step::Gone),
        1 => (0..SOURCES.len()).prop_map(Step::Replaced),
        1 => (1..40_u64).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let adoption = prop_oneof![Just(Adoption::IfEqual), Just(Adoption::Always)];
    let guard = prop_oneof![
        Just(GuardLimit { min: 100, percent: 0 }),
        Just(GuardLimit { min: 1, percent: 0 })
    ];
    let empty = prop_oneof![Just(EmptyRule::Allow), Just(EmptyRule::Hold)];
    (adoption, guard, empty).prop_map(|(adoption, guard, empty)| Setup { adoption, guard, empty })
}

fn object(form: Form) -> Key {
    cm(&format!("default/{}", NAMES[form.1]))
}

/// What a source declares: a value, and a field that only this source has.
fn document(source: usize, form: Form, value: u8) -> Value {
    let path = format!("{}{}", NAMESPACES[form.0], NAMES[form.1]);
    let mut body = crate::documents::config_map(&path, &value.to_string());
    body["data"][SOURCES[source]] = "mine".into();
    body
}

fn word(value: u8) -> String {
    format!("v{value}")
}

fn sent(source: usize, form: Form, value: u8) -> Event {
    let path = format!("{}/{}.yaml", form.0, NAMES[form.1]);
    at(version(upsert(document(source, form, value)), &word(value)), &path, 1)
}

struct Run<'h> {
    harness: &'h Harness,
    setup: Setup,
    selections: [u64; 2],
    sessions: Vec<Session<'h>>,
    declared: BTreeMap<Who, Declared>,
    /// What the host was told of, and not told otherwise since.
    heard: BTreeMap<Who, BTreeSet<Form>>,
    /// Objects that users wrote, or that were left to themselves: they may hold fields that nobody declares.
    touched_by_others: BTreeSet<Key>,
    versions: usize,
}

impl<'h> Run<'h> {
    fn new(harness: &'h Harness, setup: Setup) -> Self {
        let mut run = Self {
            harness,
            setup,
            selections: [0, 0],
            sessions: Vec::new(),
            declared: BTreeMap::new(),
            heard: BTreeMap::new(),
            touched_by_others: BTreeSet::new(),
            versions: 0,
        };
        run.sessions = (0..SOURCES.len()).map(|source| run.launch(source)).collect();
        run
    }

    fn launch(&self, source: usize) -> Session<'h> {
        let policy = SourcePolicy {
            adoption: self.setup.adoption,
            guard: self.setup.guard,
            empty: self.setup.empty,
            selection: self.selections[source],
            ..SourcePolicy::default()
        };
        self.harness.session_with(SOURCES[source], policy)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Live(live) => self.live(&live),
            Step::List {
                who,
                ending,
                failing,
                trusting,
                meanwhile,
            } => self.list(who, ending, failing, trusting, &meanwhile),
            Step::Put(name, field) => self.put(&object((0, name)), field),
            Step::Delete(name) => self.delete(&object((0, name))),
            Step::Restart(source) => self.sessions[source] = self.launch(source),
            Step::Reselect(source) => {
                self.selections[source] += 1;
                self.sessions[source] = self.launch(source);
                self.leave_all();
            }
            Step::Gone(who) => {
                self.sessions[who.0].gone(SCOPES[who.1], ScopeGone::Deselected);
                self.declared.remove(&who);
                self.heard.remove(&who);
                self.leave_all();
            }
            Step::Replaced(source) => self.replace(source),
            Step::Pass(minutes) => self.harness.pass(Duration::from_secs(60 * minutes)),
            Step::Reopen => {
                self.harness.reopen();
                self.sessions = (0..SOURCES.len()).map(|source| self.launch(source)).collect();
            }
        }
        self.check_versions(&self.heard.clone());
    }

    fn leave_all(&mut self) {
        self.touched_by_others
            .extend((0..NAMES.len()).map(|name| object((0, name))));
    }

    /// The first scope goes over into the second, which declares both from now on; what it says itself counts.
    fn replace(&mut self, source: usize) {
        let (gone, left) = ((source, 0), (source, 1));
        self.sessions[source].gone(SCOPES[0], ScopeGone::ReplacedBy(scope(SCOPES[1])));
        let moved = self.declared.remove(&gone).unwrap_or_default();
        let declared = self.declared.entry(left).or_default();
        for (form, value) in moved {
            declared.entry(form).or_insert(value);
        }
        let heard = self.heard.remove(&gone).unwrap_or_default();
        self.heard.entry(left).or_default().extend(heard);
    }

    fn put(&mut self, key: &Key, field: Field) {
        self.touched_by_others.insert(key.clone());
        let mut body = self.harness.body(key);
        if body.is_null() {
            body = crate::documents::config_map(&format!("default/{}", key.name), "local");
        }
        match field {
            Field::Declared => body["data"]["v"] = "local".into(),
            Field::Undeclared => body["data"]["extra"] = "local".into(),
        }
        self.harness.put(key, body);
    }

    /// A user deletes an object: what its owner said of it counts again when it is said again.
    fn delete(&mut self, key: &Key) {
        let Some(deleted) = self.harness.get(key) else { return };
        self.touched_by_others.insert(key.clone());
        if let Some(owned) = deleted.owned {
            let is_owner = |who: &Who| {
                SOURCES[who.0] == owned.owner.source.as_str() && SCOPES[who.1] == owned.owner.scope.as_str()
            };
            for (_, forms) in self.heard.iter_mut().filter(|(who, _)| is_owner(who)) {
                forms.retain(|form| object(*form) != *key);
            }
        }
        self.harness.delete(key);
    }

    fn live(&mut self, live: &Live) {
        let declared = self.declared.entry(live.who).or_default();
        let mut events = Vec::new();
        let heard_before = self.heard.clone();
        let heard = self.heard.entry(live.who).or_default();
        for (form, value) in &live.changes {
            match value {
                Some(value) => {
                    declared.insert(*form, *value);
                    heard.insert(*form);
                    events.push(sent(live.who.0, *form, *value));
                }
                None => {
                    declared.remove(form);
                    heard.remove(form);
                    events.push(delete(&document(live.who.0, *form, 0)));
                }
            }
        }
        self.sessions[live.who.0].apply_in(SCOPES[live.who.1], events);
        self.check_versions(&heard_before);
    }

    fn list(&mut self, who: Who, ending: Ending, failing: Option<usize>, trusting: bool, meanwhile: &[Live]) {
        self.sessions[who.0].begin(SCOPES[who.1]);
        let half = NAMES.len() / 2;
        self.send(who, failing, trusting, &|form: &Form| form.1 <= half);
        for live in meanwhile {
            self.live(live);
        }
        self.send(who, failing, trusting, &|form: &Form| form.1 > half);
        let heard_before = self.heard.clone();
        let session = &self.sessions[who.0];
        match ending {
            Ending::Complete => {
                let listing = session.end_with(session.end_of(SCOPES[who.1]));
                assert!(!matches!(listing.absence, Absence::Unproven(_)), "{listing:?}");
                let declared = self.declared.entry(who).or_default().keys().copied().collect();
                self.heard.insert(who, declared);
            }
            Ending::Incomplete => {
                session.end_incomplete(SCOPES[who.1]);
            }
            Ending::Abandoned => {}
        }
        let both = heard_before.iter().map(|(who, forms)| {
            let now = self.heard.get(who).cloned().unwrap_or_default();
            (*who, forms.intersection(&now).copied().collect())
        });
        self.check_versions(&both.collect());
    }

    /// Sends the part of a listing that `wanted` names.
    fn send(&mut self, who: Who, failing: Option<usize>, trusting: bool, wanted: &dyn Fn(&Form) -> bool) {
        let known = self.known(who);
        let mut events = Vec::new();
        for (index, (form, value)) in self.declared.entry(who).or_default().iter().enumerate() {
            if !wanted(form) {
                continue;
            }
            let body = document(who.0, *form, *value);
            let key = declared(&body);
            events.push(if failing == Some(index) {
                failed(Some(&body), "broken.yaml")
            } else if trusting && known.contains(&(key, word(*value))) {
                seen(&body, &word(*value))
            } else {
                sent(who.0, *form, *value)
            });
            if failing != Some(index) {
                self.heard.entry(who).or_default().insert(*form);
            }
        }
        let receipt = self.sessions[who.0].apply_in(SCOPES[who.1], events);
        assert_eq!(receipt.unknown_seen, None, "what is known is held");
        self.check_versions(&self.heard.clone());
    }

    fn known(&self, who: Who) -> BTreeSet<(k1s_object::DeclaredKey, String)> {
        let mut known = BTreeSet::new();
        self.harness
            .reader()
            .known(&source(SOURCES[who.0]), &scope(SCOPES[who.1]), &mut |object| {
                known.insert((object.key, object.source_version.as_str().to_owned()));
            })
            .expect("readable");
        known
    }

    /// Revisions are dense, and no source deleted what somebody declared before and after.
    fn check_versions(&mut self, heard: &BTreeMap<Who, BTreeSet<Form>>) {
        let history = self.harness.history();
        let revisions = (1..).take(history.len());
        assert!(history.iter().map(|version| version.revision.get()).eq(revisions));
        assert_eq!(self.harness.revision(), u64::try_from(history.len()).expect("few"));
        for version in &history[self.versions..] {
            let by_source = matches!(version.head.author, Author::Source(_));
            if version.head.state != VersionState::Deleted || !by_source {
                continue;
            }
            for (who, forms) in heard {
                let still = self.heard.get(who).cloned().unwrap_or_default();
                let flapped = forms
                    .iter()
                    .find(|form| still.contains(form) && object(**form) == version.head.key);
                assert_eq!(flapped, None, "{:?} of {who:?} was deleted", version.head.key);
            }
        }
        self.versions = history.len();
    }

    /// Lists everything, twice: the second time nothing is written.
    fn converge(&mut self) {
        self.sessions = (0..SOURCES.len()).map(|source| self.launch(source)).collect();
        self.list_all();
        let commits = self.harness.engine.commits();
        self.list_all();
        assert_eq!(
            self.harness.engine.commits(),
            commits,
            "an unchanged pass writes nothing"
        );
    }

    fn list_all(&mut self) {
        for source in 0..SOURCES.len() {
            for scope in 0..SCOPES.len() {
                self.list((source, scope), Ending::Complete, None, false, &[]);
            }
        }
    }

    fn check(&self) {
        for name in 0..NAMES.len() {
            self.check_object(name);
        }
        for name in SOURCES {
            self.check_counts(name);
        }
    }

    fn check_object(&self, name: usize) {
        let key = object((0, name));
        let declarers: Vec<(Who, Form, u8)> = self
            .declared
            .iter()
            .flat_map(|(who, declared)| declared.iter().map(|(form, value)| (*who, *form, *value)))
            .filter(|(_, form, _)| form.1 == name)
            .collect();
        let Some(object) = self.harness.get(&key) else {
            assert_eq!(declarers, [], "{key} is declared and missing");
            return;
        };
        let Some(owned) = &object.owned else {
            for (who, ..) in declarers {
                let waits = self
                    .harness
                    .pending(SOURCES[who.0])
                    .iter()
                    .any(|(text, _)| text.contains(NAMES[name]));
                assert!(waits, "{key} belongs to nobody and nobody waits for it");
            }
            return;
        };
        let by_owner = declarers.iter().find(|((source, scope), form, _)| {
            SOURCES[*source] == owned.owner.source.as_str()
                && SCOPES[*scope] == owned.owner.scope.as_str()
                && NAMESPACES[form.0].trim_end_matches('/') == &*owned.row.declared_namespace
        });
        match by_owner {
            None => self.check_held(&key, owned.owner.source.as_str(), owned.owner.scope.as_str()),
            Some((who, form, value)) => {
                let mut expected = document(who.0, *form, *value);
                expected["metadata"]["namespace"] = "default".into();
                let body = self.harness.body(&key);
                let declares = k1s_object::agree_on(&expected, Some(&body), Some(&expected));
                assert!(declares, "{key} is {body}, declared {expected}");
                if !self.touched_by_others.contains(&key) {
                    assert_eq!(body, expected, "{key} has fields that nobody declares");
                }
                let bytes = document(who.0, *form, *value).to_string();
                assert_eq!(owned.row.content_hash, ContentHash::of(bytes.as_bytes()));
            }
        }
    }

    /// What an owner no longer declares is there only while it is held.
    fn check_held(&self, key: &Key, owner: &str, in_scope: &str) {
        let held = self.harness.reader().held(&source(owner)).expect("readable");
        let mut of_scope = held.iter().filter(|held| held.scope.as_str() == in_scope);
        let is_held = of_scope.any(|held| held.uid_by_key.contains_key(key));
        assert!(is_held, "{key} of {owner} is declared no longer and not held");
    }

    /// The guard's counts are those of the rows.
    fn check_counts(&self, name: &str) {
        let rows = self.harness.rows(name);
        let owned = rows.values().filter(|row| row.standing == Standing::Owned).count();
        let kind = GroupKind::new("", "ConfigMap");
        let all = [name.as_bytes(), b"\0"].concat();
        let of_kind = [&all[..], &Key::prefix(&kind, None)].concat();
        for place in [all, of_kind] {
            let tables = self.harness.engine.read().expect("readable");
            let bytes = tables.get(Table::Shrink, &place).expect("readable");
            let window: ShrinkWindow = bytes.map_or_else(ShrinkWindow::default, |bytes| {
                postcard::from_bytes(&bytes).expect("a window")
            });
            assert_eq!(usize::try_from(window.count()).expect("few"), owned, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_becomes_what_sources_declare(setup in setup(), steps in prop::collection::vec(step(), 1..25)) {
        let harness = Harness::new();
        let mut run = Run::new(&harness, setup);
        for step in steps {
            run.step(step);
        }
        run.converge();
        run.check();
    }
}
