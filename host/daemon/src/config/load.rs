//! From the words of files and command line to one checked configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k1s_object::InstanceId;
use k1s_sync_engine::id::SourceName;

use super::assembly::Assembly;
use super::assignment::Assignment;
use super::entry::{ConfigurationEntry, Located};
use super::files::{self, FileText};
use super::finding::{ConfigError, Finding, Findings, Place};
use super::node::{Read as _, Sheet};
use super::options_entry::OptionsEntry;
use super::plugin::PluginSearch;
use super::settings::{Configuration, FileOrigin, Options};
use super::source_entry::SourceEntry;
use super::word::LogLevel;

/// Most sources of one host.
const MAX_SOURCES: usize = 1000;

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
    let OptionsEntry {
        api,
        overrides: mut defaults,
    } = draft.options.take().map(|(options, _)| options).unwrap_or_default();
    configuration.options.api = api.unwrap_or_default().settings();
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
        let source = assembly.of_file(origin, entry);
        configuration.sources.extend(source.map(Arc::new));
    }
    for source in inputs.sources {
        let source = assembly.of_command_line(source);
        configuration.sources.extend(source.map(Arc::new));
    }
    ConfigError::of(assembly.findings)?;
    Ok(configuration)
}

/// What the files say, put together.
#[derive(Default)]
struct Draft {
    instance_id: Option<(InstanceId, Place)>,
    options: Option<(OptionsEntry, Place)>,
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
