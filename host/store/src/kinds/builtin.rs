//! The committed table of built-in kinds, as `cargo xtask kinds` writes it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use k1s_object::{GroupKind, KindNames, KindScope};

const TABLE: &str = include_str!("../../kinds.tsv");

/// Every built-in kind; a test sees to it that each line of the committed table reads.
static KINDS: LazyLock<BTreeMap<GroupKind, KindNames>> = LazyLock::new(|| {
    let names = rows().filter_map(read);
    names.map(|names| (names.group_kind.clone(), names)).collect()
});

/// The same in no order: a kind is looked up for every event.
static FOUND_KINDS: LazyLock<HashMap<&GroupKind, &KindNames>> = LazyLock::new(|| KINDS.iter().collect());

pub(super) fn kinds() -> &'static BTreeMap<GroupKind, KindNames> {
    &KINDS
}

pub(super) fn get(group_kind: &GroupKind) -> Option<&'static KindNames> {
    FOUND_KINDS.get(group_kind).copied()
}

fn rows() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#'))
}

fn read(row: &str) -> Option<KindNames> {
    let fields: [&str; 8] = row.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let [group, versions, kind, plural, singular, scope, short_names, categories] = fields;
    let required = [versions, kind, plural, singular];
    if required.iter().any(|field| field.is_empty()) {
        return None;
    }
    Some(KindNames {
        group_kind: GroupKind::new(group, kind),
        versions: list(versions),
        plural: plural.into(),
        singular: singular.into(),
        short_names: list(short_names),
        categories: list(categories),
        scope: match scope {
            "Namespaced" => KindScope::Namespaced,
            "Cluster" => KindScope::Cluster,
            _ => return None,
        },
    })
}

fn list(field: &str) -> Vec<Box<str>> {
    field
        .split(',')
        .filter(|item| !item.is_empty())
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_committed_table_reads() {
        for row in rows() {
            assert!(read(row).is_some(), "{row:?}");
        }
        assert_eq!(rows().count(), kinds().len(), "a kind appears twice");
        assert!(kinds().len() > 50, "{}", kinds().len());
    }

    #[test]
    fn only_events_have_a_name_that_another_built_in_kind_has() {
        let mut by_name: BTreeMap<&str, Vec<&GroupKind>> = BTreeMap::new();
        for names in kinds().values() {
            for name in names.short_names.iter().chain([&names.plural]) {
                by_name.entry(name).or_default().push(&names.group_kind);
            }
        }
        let shared: Vec<&str> = by_name
            .into_iter()
            .filter(|(_, kinds)| kinds.len() > 1)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            shared,
            ["ev", "events"],
            "the order of groups decides only between these, and the core group is first"
        );
    }

    #[test]
    fn malformed_rows_are_refused() {
        let good = "apps\tv1,v2\tThing\tthings\tthing\tCluster\tth\tall";
        let names = read(good).unwrap();
        assert_eq!(names.versions, ["v1".into(), "v2".into()]);
        assert_eq!(
            (names.scope, &*names.categories),
            (KindScope::Cluster, &["all".into()][..])
        );
        for bad in [
            "",
            "apps\tv1\tThing\tthings\tthing\tCluster\tth",
            "apps\tv1\tThing\tthings\tthing\tCluster\tth\tall\tmore",
            "apps\tv1\tThing\tthings\tthing\tGalaxy\tth\tall",
            "apps\t\tThing\tthings\tthing\tCluster\tth\tall",
            "apps\tv1\tThing\t\tthing\tCluster\tth\tall",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
