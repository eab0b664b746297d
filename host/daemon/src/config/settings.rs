//! A configuration as the rest of the host sees it: read, checked, every default filled in.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k1s_object::InstanceId;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_yaml::{Document, Limits};
use serde_json::{Map, Value};

use super::assignment::{Assignment, AssignmentError};
use super::finding::Place;
use super::plugin::PluginRef;
use super::word::{LogLevel, OnError};

/// What one host is to do.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The chosen id; absent to use the one that the data directory keeps.
    pub instance_id: Option<InstanceId>,
    /// What holds for the host itself.
    pub options: Options,
    /// The sources: those of the files in their order, then those of the command line. No two have the same name.
    pub sources: Vec<Arc<SourceSettings>>,
}

/// What holds for the host itself; what holds for sources is already in each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The least severe level that the host logs.
    pub log_level: LogLevel,
    /// How it serves its API.
    pub api: ApiSettings,
}

/// How the host serves its API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiSettings {
    /// Not at all.
    Off,
    /// On a loopback port.
    Served {
        /// This one; absent for one that is chosen once and kept.
        port: Option<NonZeroU16>,
    },
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self::Served { port: None }
    }
}

/// One source, complete.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// Its name.
    pub name: SourceName,
    /// The plugin as it was named: a path, or a name in a registry file.
    pub plugin: String,
    /// Whether it runs, and what.
    pub activation: Activation,
    /// Where it was configured.
    pub origin: Origin,
    /// Where relative paths in its configuration begin: the shell's directory or the file's; absolute.
    pub base_dir: PathBuf,
    /// The plugin's own configuration.
    pub config: PluginConfig,
    /// How its objects are treated. What depends on the plugin's schema is not in it yet: selection, identity, program.
    pub policy: SourcePolicy,
    /// What a failed object does to the others.
    pub on_error: OnError,
    /// How long things may take.
    pub timing: Timing,
    /// The least severe level that is logged of it.
    pub log_level: LogLevel,
}

impl SourceSettings {
    /// Whether a source does the same with these as with `other`, wherever they were read.
    #[must_use]
    pub fn works_like(&self, other: &Self) -> bool {
        let Self {
            name,
            plugin,
            activation,
            origin: _,
            base_dir,
            config,
            policy,
            on_error,
            timing,
            log_level,
        } = self;
        (name, plugin, base_dir, config) == (&other.name, &other.plugin, &other.base_dir, &other.config)
            && activation.works_like(&other.activation)
            && policy == &other.policy
            && (on_error, timing, log_level) == (&other.on_error, &other.timing, &other.log_level)
    }
}

/// Whether a source runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activation {
    /// It runs this plugin.
    Enabled(PluginRef),
    /// It does not run and keeps its objects; its plugin need not be there.
    Disabled,
}

impl Activation {
    /// Whether the same is run, wherever it was found.
    fn works_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Enabled(one), Self::Enabled(other)) => one.works_like(other),
            (Self::Disabled, Self::Disabled) => true,
            (Self::Enabled(_), Self::Disabled) | (Self::Disabled, Self::Enabled(_)) => false,
        }
    }
}

/// How long things of one source may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often it is listed again; absent for the plugin's own, else [`DEFAULT_INTERVAL`](super::DEFAULT_INTERVAL).
    pub interval: Option<Duration>,
    /// How long a key must stay undeclared before its delete is reported.
    pub delete_settle: Duration,
    /// From launch until ready.
    pub start_deadline: Duration,
    /// From the request to stop until the plugin has drained.
    pub stop_deadline: Duration,
    /// How long it may work without a sign of life.
    pub hung_after: Duration,
}

/// Where a source was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File(FileOrigin),
    /// By `--plugin`.
    CommandLine,
}

/// Which part of which file describes a source; keeps the text, so that places in it can be named later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOrigin {
    pub(super) file: Arc<PathBuf>,
    pub(super) text: Arc<[u8]>,
    pub(super) pointer: String,
}

impl Origin {
    /// Finds the place of a field of the source by its JSON pointer, for example `/config/path`; of the nearest field
    /// around it if there is none. Absent on a command line.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Option<Place> {
        match self {
            Self::File(origin) => Some(origin.place(pointer)),
            Self::CommandLine => None,
        }
    }
}

impl FileOrigin {
    /// The directory of the file.
    pub(super) fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(&self.file)
    }

    pub(super) fn place(&self, pointer: &str) -> Place {
        let whole = Place::whole(&self.file);
        let Ok(document) = k1s_yaml::parse(&self.text, &Limits::default()) else {
            return whole;
        };
        let mut pointer = format!("{}{pointer}", self.pointer);
        loop {
            if let Some(position) = value_at(&document, &pointer) {
                return Place {
                    line: position.line,
                    column: position.column,
                    ..whole
                };
            }
            let Some(end) = pointer.rfind('/') else { return whole };
            pointer.truncate(end);
        }
    }
}

fn value_at(document: &Document<'_>, pointer: &str) -> Option<k1s_yaml::Position> {
    document.locate(pointer).map(|mark| mark.value)
}

/// The configuration of a plugin, as far as it can be known before the plugin described itself.
#[derive(Clone, Debug, PartialEq)]
pub enum PluginConfig {
    /// Of a file.
    Values(Map<String, Value>),
    /// Of a command line.
    Assignments(Vec<Assignment>),
}

impl PluginConfig {
    /// The values, where assignments take their types from the plugin's JSON Schema as far as it says any.
    ///
    /// # Errors
    /// When assignments contradict each other or cannot be read.
    pub fn values(&self, schema: Option<&Value>) -> Result<Map<String, Value>, AssignmentError> {
        match self {
            Self::Values(values) => Ok(values.clone()),
            Self::Assignments(assignments) => Assignment::assemble(assignments, schema),
        }
    }
}
