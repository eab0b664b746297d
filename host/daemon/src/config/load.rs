//! From the words of files and command line to one checked configuration.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k1s_object::{InstanceId, StatusRule};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::policy::{EmptyRule, NamespaceCreation, PruneMode, SourcePolicy, Undeclared};

use super::assignment::Assignment;
use super::entry::{ConfigurationEntry, Environment, Located, Overrides, SourceEntry};
use super::files::{self, FileText};
use super::filter::{KindFilter, NamespaceFilter};
use super::finding::{ConfigError, Finding, Place};
use super::node::{Read as _, Sheet};
use super::plugin::{Missing, PluginSearch};
use super::settings::{Activation, Configuration, FileOrigin, Options, Origin, PluginConfig, SourceSettings};
use super::word::LogLevel;

/// Most sources of one host.
const MAX_SOURCES: usize = 1000;
/// Most findings that are reported of one configuration; later ones are dropped.
const MAX_FINDINGS: usize = 200;

/// A source that the command line describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLineSource {
    /// Its name.
    pub name: SourceName,
    /// The plugin, by path or name.
    pub plugin: PathBuf,
    /// Its configuration.
    pub assignments: Vec<Assignment>,
}

/// Everything that a configuration is made of.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// Configuration files and directories of them.
    pub files: &'a [PathBuf],
    /// Sources of the command line.
    pub sources: &'a [CommandLineSource],
    /// The id of the command line; wins over that of a file.
    pub instance_id: Option<&'a InstanceId>,
    /// The log level of the command line; wins over that of `options`.
    pub log_level: Option<LogLevel>,
    /// The shell's directory, absolute; relative paths of the command line begin here.
    pub working_directory: &'a Path,
    /// Where plugins are looked for.
    pub plugins: &'a PluginSearch,
}

/// Reads and checks a configuration, plugins included; nothing is started. Several files make one configuration:
/// their sources come together, and `instanceId` and `options` may each be in one of them only.
///
/// # Errors
/// Everything that is wrong, as far as it can be told apart.
pub fn load(inputs: &Inputs<'_>) -> Result<Configuration, ConfigError> {
    let mut draft = Draft::default();
    draft.read_all(inputs);
    let mut configuration = Configuration {
        instance_id: inputs
            .instance_id
            .or(draft.instance_id.as_ref().map(|(id, _)| id))
            .cloned(),
        options: Options::default(),
        sources: Vec::new(),
    };
    let mut defaults = draft.options.take().map(|(options, _)| options).unwrap_or_default();
    defaults.log_level = inputs.log_level.or(defaults.log_level);
    configuration.options.log_level = defaults.log_level.unwrap_or_default();
    draft.check_count(inputs);
    let mut assembly = Assembly {
        inputs,
        defaults: &defaults,
        places: BTreeMap::new(),
        findings: draft.findings,
    };
    for (origin, entry) in draft.sources {
        configuration.sources.extend(assembly.of_file(origin, entry));
    }
    for source in inputs.sources {
        configuration.sources.extend(assembly.of_command_line(source));
    }
    ConfigError::of(assembly.findings.list)?;
    Ok(configuration)
}

/// What was found, up to a limit.
#[derive(Debug, Default)]
struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// Adds a finding, which is not even made when there are enough.
    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        if self.list.len() < MAX_FINDINGS {
            self.list.push(finding());
        }
    }

    fn extend(&mut self, findings: Vec<Finding>) {
        let room = MAX_FINDINGS.saturating_sub(self.list.len());
        let fresh: Vec<Finding> = findings
            .into_iter()
            .filter(|finding| !self.list.contains(finding))
            .collect();
        self.list.extend(fresh.into_iter().take(room));
    }
}

/// What the files say, put together.
#[derive(Default)]
struct Draft {
    instance_id: Option<(InstanceId, Place)>,
    options: Option<(Overrides, Place)>,
    sources: Vec<(FileOrigin, SourceEntry)>,
    findings: Findings,
}

impl Draft {
    fn read_all(&mut self, inputs: &Inputs<'_>) {
        for path in inputs.files {
            match files::meant_by(&inputs.working_directory.join(path)) {
                Ok(files) => files.iter().for_each(|file| self.read(file)),
                Err(finding) => self.findings.add(|| finding),
            }
        }
    }

    fn read(&mut self, path: &Path) {
        let FileText { file, text } = match files::read(path) {
            Ok(content) => content,
            Err(finding) => return self.findings.add(|| finding),
        };
        let sheet = match Sheet::parse(&file, &text) {
            Ok(sheet) => sheet,
            Err(finding) => return self.findings.add(|| finding),
        };
        let entry = ConfigurationEntry::read(&sheet.root());
        self.findings.extend(sheet.into_findings());
        if let Some(entry) = entry {
            self.merge(&file, &text, entry);
        }
    }

    fn merge(&mut self, file: &Arc<PathBuf>, text: &Arc<[u8]>, entry: ConfigurationEntry) {
        let origin = |pointer: String| FileOrigin {
            file: Arc::clone(file),
            text: Arc::clone(text),
            pointer,
        };
        let place = |pointer| origin(String::new()).place(pointer);
        let findings = &mut self.findings;
        take_once(
            &mut self.instance_id,
            entry.instance_id,
            "instanceId",
            || place("/instanceId"),
            findings,
        );
        take_once(
            &mut self.options,
            entry.options,
            "options",
            || place("/options"),
            findings,
        );
        let sources = entry.sources.into_iter();
        self.sources
            .extend(sources.map(|Located { value, pointer }| (origin(pointer), value)));
    }

    fn check_count(&mut self, inputs: &Inputs<'_>) {
        let count = self.sources.len() + inputs.sources.len();
        if count > MAX_SOURCES {
            self.sources.clear();
            let message = format!("there are {count} sources; at most {MAX_SOURCES} are allowed");
            self.findings.add(|| Finding { place: None, message });
        }
    }
}

/// Keeps a value that only one file may have.
fn take_once<T>(
    slot: &mut Option<(T, Place)>,
    value: Option<T>,
    name: &str,
    place: impl FnOnce() -> Place,
    findings: &mut Findings,
) {
    let Some(value) = value else { return };
    match slot {
        None => *slot = Some((value, place())),
        Some((_, first)) => findings.add(|| Finding {
            place: Some(place()),
            message: format!("{name:?} is already set in {first}; only one file may have it"),
        }),
    }
}

/// Turns what was said of each source into what is to be done.
struct Assembly<'a> {
    inputs: &'a Inputs<'a>,
    defaults: &'a Overrides,
    /// Where each name was used first.
    places: BTreeMap<SourceName, Origin>,
    findings: Findings,
}

impl Assembly<'_> {
    fn of_file(&mut self, origin: FileOrigin, entry: SourceEntry) -> Option<SourceSettings> {
        let directory = origin.file.parent().unwrap_or(self.inputs.working_directory);
        let base_dir = self.inputs.working_directory.join(directory);
        let origin = Origin::File(origin);
        self.claim_name(&entry.name, &origin)?;
        let activation = if entry.enabled.unwrap_or(true) {
            let env = entry.env.clone().unwrap_or_default();
            self.activate(OsStr::new(&entry.plugin), &base_dir, &env, &origin)?
        } else {
            Activation::Disabled
        };
        let overrides = entry.overrides.over(self.defaults);
        Some(SourceSettings {
            name: entry.name.clone(),
            activation,
            origin,
            base_dir,
            config: PluginConfig::Values(entry.config.clone().unwrap_or_default()),
            on_error: entry.on_error.unwrap_or_default(),
            timing: overrides.timing(),
            log_level: overrides.log_level.unwrap_or_default(),
            policy: policy(entry, &overrides),
        })
    }

    fn of_command_line(&mut self, source: &CommandLineSource) -> Option<SourceSettings> {
        let origin = Origin::CommandLine;
        self.claim_name(&source.name, &origin)?;
        let base_dir = self.inputs.working_directory.to_owned();
        let activation = self.activate(source.plugin.as_os_str(), &base_dir, &Environment::new(), &origin)?;
        if let Err(error) = Assignment::assemble(&source.assignments, None) {
            self.findings.add(|| Finding {
                place: None,
                message: format!("--set of source {}: {error}", source.name),
            });
            return None;
        }
        let overrides = self.defaults.clone();
        Some(SourceSettings {
            name: source.name.clone(),
            activation,
            origin,
            base_dir,
            config: PluginConfig::Assignments(source.assignments.clone()),
            on_error: super::OnError::default(),
            timing: overrides.timing(),
            log_level: overrides.log_level.unwrap_or_default(),
            policy: SourcePolicy {
                conflict: overrides.conflict_resolution.unwrap_or_default(),
                guard: overrides.guard_limit(),
                ..SourcePolicy::default()
            },
        })
    }

    fn claim_name(&mut self, name: &SourceName, origin: &Origin) -> Option<()> {
        let Some(first) = self.places.get(name) else {
            self.places.insert(name.clone(), origin.clone());
            return Some(());
        };
        self.findings.add(|| {
            let message = match (first.place("/name"), origin) {
                (Some(place), _) => format!("the source name {name} is already used in {place}"),
                (None, _) => format!("the source name {name} is already used by another --plugin; use --name"),
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
fn policy(entry: SourceEntry, overrides: &Overrides) -> SourcePolicy {
    let default = SourcePolicy::default();
    let namespace = entry.default_namespace.map(|name| name.as_str().into());
    SourcePolicy {
        conflict: overrides.conflict_resolution.unwrap_or_default(),
        adoption: entry.adoption.unwrap_or_default(),
        default_namespace: namespace.unwrap_or(default.default_namespace),
        namespace_creation: match entry.create_namespaces {
            Some(false) => NamespaceCreation::Declared,
            Some(true) | None => NamespaceCreation::Automatic,
        },
        kinds: entry.kinds.map(|KindFilter(filter)| filter).unwrap_or_default(),
        namespaces: entry
            .namespaces
            .map(|NamespaceFilter(filter)| filter)
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
        selection: default.selection,
    }
}
