//! What must hold of a run, at every step and in the end.

use std::collections::{BTreeMap, BTreeSet};

use k1s_object::{ContentHash, GroupKind, Key, agree_on};
use k1s_store::Table;
use k1s_store::engine::Engine as _;
use k1s_store::row::{Author, BaseAt, CurrentRow, Standing, VersionState};
use k1s_sync_engine::guard::ShrinkWindow;

use super::run::Run;
use super::{Form, NAMES, NAMESPACES, SCOPES, SOURCES, Who, document, object};
use crate::faulty::rows;
use crate::harness::source;

impl Run<'_> {
    /// Revisions are dense, and no source deleted what somebody declared before and after.
    pub(super) fn check_versions(&mut self, heard: &BTreeMap<Who, BTreeSet<Form>>) {
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

    pub(super) fn check(&self) {
        for name in 0..NAMES.len() {
            self.check_object(name);
        }
        for name in SOURCES {
            self.check_counts(name);
        }
        self.check_bases();
        self.check_owners();
    }

    /// Whoever owns a key has a row of it, by which it can be pruned.
    fn check_owners(&self) {
        for (table, key, row) in rows(&*self.harness.engine) {
            if table != Table::Current {
                continue;
            }
            let key = Key::decode(&key).expect("a key");
            let current: CurrentRow = postcard::from_bytes(&row).expect("a row");
            let Some(owner) = current.owner else { continue };
            let of_owner = self.harness.rows(owner.source.as_str());
            let row = of_owner.get(&(owner.scope.as_str().to_owned(), key.clone()));
            let standing = row.map(|row| row.standing);
            assert_eq!(standing, Some(Standing::Owned), "{key} of {owner:?}");
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
                let declares = agree_on(&expected, Some(&body), Some(&expected));
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

    /// A base is kept beside its object exactly where a row says so.
    fn check_bases(&self) {
        let kept = rows(&*self.harness.engine);
        let kept = kept.iter().filter(|(table, ..)| *table == Table::Bases).count();
        let of_source = |name: &str| self.harness.rows(name).into_values();
        let said = SOURCES
            .into_iter()
            .flat_map(of_source)
            .filter(|row| row.base == BaseAt::Beside);
        assert_eq!(kept, said.count());
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
