//! The kinds a store knows: those built into Kubernetes, those of CustomResourceDefinitions, and those only a source
//! described.
//!
//! What is built in is never replaced, and a definition counts for more than a source's word. This says how a kind is
//! called and whether its objects have a namespace; it knows no schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use k1s_object::{GroupKind, KindNames};

mod builtin;
mod definition;
mod lookup;

pub use definition::{DefinitionError, by_preference, definition_names};
pub use lookup::{FoundKind, UnknownKind};

/// Who described a kind that is not built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KindOrigin {
    /// A source, in passing.
    Source,
    /// A CustomResourceDefinition in the store.
    Definition,
}

/// All kinds at one moment; clones are cheap and do not change with the original.
#[derive(Clone, Debug)]
pub struct KindTable {
    described: Arc<Described>,
}

#[derive(Clone, Debug, Default)]
struct Described {
    definitions: BTreeMap<GroupKind, KindNames>,
    sources: BTreeMap<GroupKind, KindNames>,
}

impl Described {
    fn of(&mut self, origin: KindOrigin) -> &mut BTreeMap<GroupKind, KindNames> {
        match origin {
            KindOrigin::Source => &mut self.sources,
            KindOrigin::Definition => &mut self.definitions,
        }
    }
}

impl KindTable {
    /// The kinds built into Kubernetes.
    #[must_use]
    pub fn builtin() -> Self {
        Self {
            described: Arc::default(),
        }
    }

    /// Whether two are clones that nothing has changed since.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.described, &other.described)
    }

    /// Takes a description in place of an earlier one of the same origin.
    pub fn define(&mut self, names: KindNames, origin: KindOrigin) {
        let described = Arc::make_mut(&mut self.described);
        described.of(origin).insert(names.group_kind.clone(), names);
    }

    /// Forgets what an origin said of a kind; what another one said of it counts again.
    pub fn remove(&mut self, group_kind: &GroupKind, origin: KindOrigin) {
        Arc::make_mut(&mut self.described).of(origin).remove(group_kind);
    }

    /// What a kind is called; `None` for an unknown kind.
    #[must_use]
    pub fn get(&self, group_kind: &GroupKind) -> Option<&KindNames> {
        builtin::get(group_kind)
            .or_else(|| self.described.definitions.get(group_kind))
            .or_else(|| self.described.sources.get(group_kind))
    }

    /// Every kind once: the core group first, then what else is built in, definitions and what only sources described,
    /// each by group and kind. Of kinds with the same name, the first is meant.
    pub fn iter(&self) -> impl Iterator<Item = &KindNames> {
        let built_in = builtin::kinds();
        let Described { definitions, sources } = &*self.described;
        let defined = definitions
            .iter()
            .filter(|(group_kind, _)| !built_in.contains_key(*group_kind));
        let only_sources = sources
            .iter()
            .filter(|(group_kind, _)| !built_in.contains_key(*group_kind) && !definitions.contains_key(*group_kind));
        built_in
            .iter()
            .chain(defined)
            .chain(only_sources)
            .map(|(_, names)| names)
    }
}

#[cfg(test)]
mod tests {
    use k1s_object::KindScope;

    use super::*;

    fn named(group: &str, kind: &str, plural: &str) -> KindNames {
        KindNames {
            group_kind: GroupKind::new(group, kind),
            versions: vec!["v1".into()],
            plural: plural.into(),
            singular: kind.to_lowercase().into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: KindScope::Namespaced,
        }
    }

    fn plural<'t>(table: &'t KindTable, group_kind: &GroupKind) -> Option<&'t str> {
        table.get(group_kind).map(|names| &*names.plural)
    }

    #[test]
    fn a_definition_counts_for_more_than_a_source_whoever_came_first() {
        let widget = GroupKind::new("example.com", "Widget");
        for order in [
            [KindOrigin::Source, KindOrigin::Definition],
            [KindOrigin::Definition, KindOrigin::Source],
        ] {
            let mut table = KindTable::builtin();
            for origin in order {
                let plural = match origin {
                    KindOrigin::Source => "said",
                    KindOrigin::Definition => "defined",
                };
                table.define(named("example.com", "Widget", plural), origin);
            }
            assert_eq!(plural(&table, &widget), Some("defined"));
            assert_eq!(table.iter().filter(|names| names.group_kind == widget).count(), 1);
            table.remove(&widget, KindOrigin::Definition);
            assert_eq!(plural(&table, &widget), Some("said"));
            table.remove(&widget, KindOrigin::Source);
            assert_eq!(plural(&table, &widget), None);
        }
    }

    #[test]
    fn what_is_built_in_is_never_replaced() {
        let secret = GroupKind::new("", "Secret");
        let mut table = KindTable::builtin();
        let count = table.iter().count();
        for origin in [KindOrigin::Source, KindOrigin::Definition] {
            table.define(named("", "Secret", "mine"), origin);
            assert_eq!(plural(&table, &secret), Some("secrets"));
            assert_eq!(table.iter().count(), count);
        }
        table.remove(&secret, KindOrigin::Definition);
        assert_eq!(plural(&table, &secret), Some("secrets"));
    }

    #[test]
    fn a_clone_stays_as_it_was() {
        let mut table = KindTable::builtin();
        let before = table.clone();
        table.define(named("example.com", "Widget", "widgets"), KindOrigin::Source);
        let widget = GroupKind::new("example.com", "Widget");
        assert_eq!(plural(&before, &widget), None);
        assert_eq!(plural(&table, &widget), Some("widgets"));
    }
}
