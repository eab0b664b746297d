//! From one configuration to the next: what is to be done for each source, and for nothing else.
//!
//! Pure. What a change of a plugin's own fields means for tokens and objects is not decided here: only the plugin's schema
//! tells, so the source is begun anew, and the store compares fingerprints when its session opens.

use std::collections::BTreeMap;
use std::sync::Arc;

use k1s_sync_engine::id::SourceName;

use super::settings::{Configuration, SourceSettings};

/// What is to be done for a source because the configuration is another.
#[derive(Clone, Debug)]
pub enum Amendment {
    /// It is configured no longer.
    Removed(SourceName),
    /// It is to do something else, or in another way.
    Changed(Arc<SourceSettings>),
    /// It goes on as it does; only where its file says so is another place.
    Moved(Arc<SourceSettings>),
    /// It is new.
    Added(Arc<SourceSettings>),
}

impl Amendment {
    /// The source.
    #[must_use]
    pub fn source(&self) -> &SourceName {
        match self {
            Self::Removed(name) => name,
            Self::Changed(settings) | Self::Moved(settings) | Self::Added(settings) => &settings.name,
        }
    }
}

/// Says what is to be done so that sources are as `new` says, where they are as `old` says: what goes first, then in the
/// order of `new`. A source that is in both, word for word, is left out.
#[must_use]
pub fn plan(old: &[Arc<SourceSettings>], new: &[Arc<SourceSettings>]) -> Vec<Amendment> {
    let by_name = |sources: &[Arc<SourceSettings>]| -> BTreeMap<SourceName, Arc<SourceSettings>> {
        let named = sources.iter().map(|source| (source.name.clone(), Arc::clone(source)));
        named.collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let gone = gone.map(|name| Amendment::Removed(name.clone()));
    let rest = new.iter().filter_map(|source| match before.get(&source.name) {
        None => Some(Amendment::Added(Arc::clone(source))),
        Some(old) if !source.works_like(old) => Some(Amendment::Changed(Arc::clone(source))),
        Some(old) if source.origin != old.origin => Some(Amendment::Moved(Arc::clone(source))),
        Some(_) => None,
    });
    gone.chain(rest).collect()
}

/// What of a configuration takes effect only when the host is started again, and is another now.
#[must_use]
pub fn deferred(old: &Configuration, new: &Configuration) -> Vec<&'static str> {
    let changes = [
        ("instanceId", old.instance_id != new.instance_id),
        ("options.api", old.options.api != new.options.api),
        ("options.logLevel", old.options.log_level != new.options.log_level),
    ];
    changes
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(field, _)| field)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::super::load::{Inputs, load};
    use super::super::plugin::PluginSearch;
    use super::*;

    const HEAD: &str = "apiVersion: sync.k1s.io/v1alpha1\nkind: SyncConfiguration\n";

    fn read(directory: &Path, text: &str) -> Configuration {
        let file = directory.join("sync.yaml");
        std::fs::write(&file, format!("{HEAD}{text}")).expect("written");
        load(&Inputs {
            files: &[file],
            sources: &[],
            instance_id: None,
            log_level: None,
            working_directory: directory,
            plugins: &PluginSearch::default(),
        })
        .expect("valid")
    }

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for plugin in ["p", "q"] {
            let path = directory.path().join(plugin);
            std::fs::write(&path, "#!/bin/sh\n").expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("allowed");
        }
        directory
    }

    fn told(amendments: &[Amendment]) -> Vec<String> {
        let word = |amendment: &Amendment| match amendment {
            Amendment::Removed(_) => "removed",
            Amendment::Changed(_) => "changed",
            Amendment::Moved(_) => "moved",
            Amendment::Added(_) => "added",
        };
        let told = |amendment| format!("{} {}", word(amendment), amendment.source());
        amendments.iter().map(told).collect()
    }

    const A: &str = "{name: a, plugin: ./p, config: {path: x}}";
    const B: &str = "{name: b, plugin: ./p}";

    /// Takes pairs of configurations, and what sources are told when the second follows the first.
    fn check(cases: &[(String, String, Vec<&str>)]) {
        let directory = directory();
        let of = |sources: &str| read(directory.path(), sources);
        for (old, new, expected) in cases {
            let (before, after) = (of(old), of(new));
            assert_eq!(
                told(&plan(&before.sources, &after.sources)),
                *expected,
                "{old} -> {new}"
            );
        }
    }

    #[test]
    fn sources_come_go_and_move() {
        check(&[
            (format!("sources: [{A}]"), format!("sources: [{A}]"), vec![]),
            (
                format!("sources: [{A}]"),
                format!("sources: [{A}, {B}]"),
                vec!["moved a", "added b"],
            ),
            (
                format!("sources: [{A}, {B}]"),
                format!("sources: [{B}]"),
                vec!["removed a", "moved b"],
            ),
            (
                format!("sources: [{A}, {B}]"),
                format!("sources: [{B}, {A}]"),
                vec!["moved b", "moved a"],
            ),
            (
                format!("sources: [{A}]"),
                format!("# a word\nsources: [{A}]"),
                vec!["moved a"],
            ),
            (
                format!("sources: [{A}]"),
                format!("sources: [{B}]"),
                vec!["removed a", "added b"],
            ),
        ]);
    }

    #[test]
    fn each_source_is_told_what_changed_for_it() {
        check(&[
            (
                format!("sources: [{A}]"),
                "sources: [{name: a, plugin: ./p, config: {path: y}}]".to_owned(),
                vec!["changed a"],
            ),
            (
                format!("sources: [{A}]"),
                "sources: [{name: a, plugin: ./q, config: {path: x}}]".to_owned(),
                vec!["changed a"],
            ),
            (
                format!("sources: [{A}]"),
                "sources: [{name: a, plugin: ./p, config: {path: x}, enabled: false}]".to_owned(),
                vec!["changed a"],
            ),
            (
                format!("sources: [{A}]"),
                "sources: [{name: a, plugin: ./p, config: {path: x}, env: {V: w}}]".to_owned(),
                vec!["changed a"],
            ),
            (
                format!("sources: [{A}]"),
                "sources: [{name: a, plugin: ./p, config: {path: x}, namespaceMapping: {s: t}}]".to_owned(),
                vec!["changed a"],
            ),
            (
                format!("sources: [{A}, {B}]"),
                format!("options: {{interval: 1m}}\nsources: [{A}, {B}]"),
                vec!["changed a", "changed b"],
            ),
            // What is said for itself is not changed by what is said for all.
            (
                "sources: [{name: a, plugin: ./p, interval: 1m}]".to_owned(),
                "options: {interval: 1m}\nsources: [{name: a, plugin: ./p}]".to_owned(),
                vec!["moved a"],
            ),
        ]);
    }

    #[test]
    fn what_needs_another_start_is_named() {
        let directory = directory();
        let of = |text: &str| {
            read(
                directory.path(),
                &format!("{text}\nsources: [{{name: a, plugin: ./p}}]"),
            )
        };
        for (new, expected) in [
            ("options: {interval: 1m}", vec![]),
            ("options: {api: {enabled: false}}", vec!["options.api"]),
            ("options: {logLevel: debug}", vec!["options.logLevel"]),
            (
                "instanceId: other\noptions: {api: {port: 4000}}",
                vec!["instanceId", "options.api"],
            ),
        ] {
            assert_eq!(deferred(&of(""), &of(new)), expected, "{new}");
        }
    }
}
