//! What a run does: the model's side and the store's, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k1s_object::{DeclaredKey, Key};
use k1s_sync_engine::message::ScopeGone;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Absence;

use super::{
    Declared, Ending, Field, Form, Live, NAMES, SCOPES, SOURCES, Setup, Step, Who, document, object, sent, word,
};
use crate::documents::{config_map, declared, delete, failed, seen};
use crate::harness::{Harness, KnownObject, scope, source};
use crate::session::Session;

/// A run, and what the model knows of it.
pub(super) struct Run<'h> {
    pub(super) harness: &'h Harness,
    pub(super) setup: Setup,
    pub(super) selections: [u64; 2],
    pub(super) sessions: Vec<Session<'h>>,
    pub(super) declared: BTreeMap<Who, Declared>,
    /// What the host was told of, and not told otherwise since.
    pub(super) heard: BTreeMap<Who, BTreeSet<Form>>,
    /// Objects that users wrote, or that were left to themselves: they may hold fields that nobody declares.
    pub(super) touched_by_others: BTreeSet<Key>,
    pub(super) versions: usize,
}

impl<'h> Run<'h> {
    pub(super) fn new(harness: &'h Harness, setup: Setup) -> Self {
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

    pub(super) fn step(&mut self, step: Step) {
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
            body = config_map(&format!("default/{}", key.name), "local");
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

    fn known(&self, who: Who) -> BTreeSet<(DeclaredKey, String)> {
        let known = self.harness.known_of(&source(SOURCES[who.0]), &scope(SCOPES[who.1]));
        let pair = |object: KnownObject| (object.key, object.source_version);
        known.into_iter().map(pair).collect()
    }

    /// Lists everything, twice: the second time nothing is written.
    pub(super) fn converge(&mut self) {
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
}
