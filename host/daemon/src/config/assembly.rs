//! From what was said of each source to what is to be done for it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use k1s_object::StatusRule;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::policy::{Departure, EmptyRule, NamespaceCreation, PruneMode, SourcePolicy, Undeclared};

use super::assignment::Assignment;
use super::filter::{KindFilter, NamespaceFilter};
use super::finding::{Finding, Findings};
use super::load::{CommandLineSource, Inputs};
use super::overrides::Overrides;
use super::plugin::Missing;
use super::settings::{Activation, FileOrigin, Origin, PluginConfig, SourceSettings};
use super::source_entry::{Environment, NamespaceMap, SourceEntry};
use super::word::OnError;

/// Turns what was said of each source into what is to be done.
pub(super) struct Assembly<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) defaults: &'a Overrides,
    /// Where each name was used first.
    pub(super) places: BTreeMap<SourceName, Origin>,
    pub(super) findings: Findings,
}

impl Assembly<'_> {
    /// Completes a source of a file; absent after what is wrong has been reported.
    pub(super) fn of_file(&mut self, origin: FileOrigin, entry: SourceEntry) -> Option<SourceSettings> {
        let base_dir = origin.directory().to_owned();
        let origin = Origin::File(origin);
        let named = self.claim_name(&entry.name, &origin);
        let activation = if entry.enabled.unwrap_or(true) {
            self.activate(OsStr::new(&entry.plugin), &base_dir, &entry.env, &origin)?
        } else {
            Activation::Disabled
        };
        named?;
        let overrides = entry.overrides.over(self.defaults);
        let policy = policy(&entry, &overrides);
        Some(SourceSettings {
            name: entry.name,
            plugin: entry.plugin,
            activation,
            origin,
            base_dir,
            config: PluginConfig::Values(entry.config.unwrap_or_default()),
            policy,
            on_error: entry.on_error.unwrap_or_default(),
            timing: overrides.timing(),
            log_level: overrides.log_level.unwrap_or_default(),
        })
    }

    /// Completes a source of the command line; absent after what is wrong has been reported.
    pub(super) fn of_command_line(&mut self, source: &CommandLineSource) -> Option<SourceSettings> {
        let origin = Origin::CommandLine;
        let named = self.claim_name(&source.name, &origin);
        let base_dir = self.inputs.working_directory.to_owned();
        let activation = self.activate(source.plugin.as_os_str(), &base_dir, &Environment::new(), &origin)?;
        if let Err(error) = Assignment::assemble(&source.assignments, None) {
            self.findings.add(|| Finding {
                place: None,
                message: format!("--set of source {}: {error}", source.name),
            });
            return None;
        }
        named?;
        let overrides = self.defaults;
        Some(SourceSettings {
            name: source.name.clone(),
            plugin: source.plugin.to_string_lossy().into_owned(),
            activation,
            origin,
            base_dir,
            config: PluginConfig::Assignments(source.assignments.clone()),
            policy: SourcePolicy {
                conflict: overrides.conflict_resolution.unwrap_or_default(),
                guard: overrides.guard_limit(),
                ..SourcePolicy::default()
            },
            on_error: OnError::default(),
            timing: overrides.timing(),
            log_level: overrides.log_level.unwrap_or_default(),
        })
    }

    fn claim_name(&mut self, name: &SourceName, origin: &Origin) -> Option<()> {
        let Some(first) = self.places.get(name) else {
            self.places.insert(name.clone(), origin.clone());
            return Some(());
        };
        self.findings.add(|| {
            let message = match first.place("/name") {
                Some(place) => format!("the source name {name} is already used in {place}"),
                None => format!("the source name {name} is already used by another --plugin; use --name"),
            };
            Finding {
                place: origin.place("/name"),
                message,
            }
        });
        None
    }

    fn activate(&mut self, plugin: &OsStr, base: &Path, env: &Environment, origin: &Origin) -> Option<Activation> {
        match self.inputs.plugins.find(plugin, base, env) {
            Ok(plugin) => return Some(Activation::Enabled(plugin)),
            Err(Missing::Unusable(message)) => {
                self.findings.add(|| Finding {
                    place: origin.place("/plugin"),
                    message,
                });
            }
            Err(Missing::Registry(findings)) => self.findings.extend(findings),
        }
        None
    }
}

/// How the objects of a source are treated.
fn policy(entry: &SourceEntry, overrides: &Overrides) -> SourcePolicy {
    let default = SourcePolicy::default();
    let namespace = entry.default_namespace.as_ref().map(|name| name.as_str().into());
    SourcePolicy {
        conflict: overrides.conflict_resolution.unwrap_or_default(),
        adoption: entry.adoption.unwrap_or_default(),
        default_namespace: namespace.unwrap_or_else(|| default.default_namespace.clone()),
        namespace_creation: match entry.create_namespaces {
            Some(false) => NamespaceCreation::Declared,
            Some(true) | None => NamespaceCreation::Automatic,
        },
        kinds: entry
            .kinds
            .as_ref()
            .map(|KindFilter(filter)| filter.clone())
            .unwrap_or_default(),
        namespaces: entry
            .namespaces
            .as_ref()
            .map(|NamespaceFilter(filter)| filter.clone())
            .unwrap_or_default(),
        guard: overrides.guard_limit(),
        prune: match entry.prune {
            Some(false) => PruneMode::Disabled,
            Some(true) | None => PruneMode::Enabled,
        },
        empty: match entry.allow_empty {
            Some(true) => EmptyRule::Allow,
            Some(false) | None => EmptyRule::Hold,
        },
        undeclared: match entry.mirror {
            Some(true) => Undeclared::Strip,
            Some(false) | None => Undeclared::Survive,
        },
        status: match entry.include_status {
            Some(true) => StatusRule::Keep,
            Some(false) | None => StatusRule::Drop,
        },
        namespace_by_declared: entry
            .namespace_mapping
            .as_ref()
            .map(|NamespaceMap(namespaces)| namespaces.clone())
            .unwrap_or_default(),
        deselected: entry.on_selection_change.unwrap_or_default(),
        removed: match entry.prune {
            // Nothing of it is ever deleted.
            Some(false) => Departure::Keep,
            Some(true) | None => entry.on_source_removed.unwrap_or_default(),
        },
        ..default
    }
}
