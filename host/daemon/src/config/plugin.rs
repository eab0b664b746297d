//! Finding the executable that a configuration means.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use k1s_process::PermissionError;

use super::finding::{Finding, Place, suggestion};
use super::registry::{self, Registry};
use super::source_entry::Environment;

/// How the project's own plugins begin, which are also looked for beside the host.
const OWN_PREFIX: &str = "k1s-sync-";
/// The host itself, which begins like that and is no plugin.
const HOST: &str = crate::cli::PROGRAM;

/// A plugin that was found, and how it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginRef {
    /// The executable; an absolute path that passed the checks of [`k1s_process::check_executable`].
    pub program: PathBuf,
    /// What it is started with.
    pub args: Vec<String>,
    /// Environment variables, those of the registry file overridden by those of the source.
    pub env: Environment,
    /// How it was found.
    pub origin: PluginOrigin,
}

impl PluginRef {
    /// Whether the same is started in the same way, wherever it was found.
    pub(super) fn works_like(&self, other: &Self) -> bool {
        (&self.program, &self.args, &self.env) == (&other.program, &other.args, &other.env)
    }

    fn unusable(&self, error: &PermissionError) -> Missing {
        let from = match &self.origin {
            PluginOrigin::Registry(place) => format!("; it is the command of {place}"),
            PluginOrigin::Path | PluginOrigin::Beside => String::new(),
        };
        Missing::Unusable(format!("{error}{from}"))
    }
}

/// How a plugin was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginOrigin {
    /// By its path: the user's own word.
    Path,
    /// By its name in the registry file at this place.
    Registry(Place),
    /// By its name beside the host's executable.
    Beside,
}

/// Where plugins are looked for.
#[derive(Clone, Debug, Default)]
pub struct PluginSearch {
    directories: Vec<PathBuf>,
    host_directory: Option<PathBuf>,
}

/// Why a plugin cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// What is wrong, to be said where the plugin is named.
    Unusable(String),
    /// What is wrong with registry files, which has its own places.
    Registry(Vec<Finding>),
}

impl PluginSearch {
    /// Looks into `directories` for registry files, the first that names a plugin wins, and into `host_directory` for
    /// the project's own plugins; all of them absolute.
    #[must_use]
    pub fn new(directories: Vec<PathBuf>, host_directory: Option<PathBuf>) -> Self {
        Self {
            directories,
            host_directory,
        }
    }

    /// The directories of registry files.
    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Finds the plugin that `named` means: a path where it has a slash, relative to `base`; else a name.
    pub(super) fn find(&self, named: &OsStr, base: &Path, env: &Environment) -> Result<PluginRef, Missing> {
        let mut plugin = if named.as_encoded_bytes().contains(&b'/') {
            self.by_path(named, base)?
        } else {
            self.by_name(&named.to_string_lossy())?
        };
        k1s_process::check_executable(&plugin.program).map_err(|error| plugin.unusable(&error))?;
        plugin.env.extend(env.clone());
        Ok(plugin)
    }

    fn by_path(&self, named: &OsStr, base: &Path) -> Result<PluginRef, Missing> {
        let program = plain(&base.join(named));
        if program.exists() {
            return Ok(found(program, PluginOrigin::Path));
        }
        let message = match (program.parent(), program.file_name()) {
            (Some(directory), Some(name)) => {
                let names = names_in(directory);
                let like = suggestion(&name.to_string_lossy(), names.iter().map(String::as_str));
                format!("plugin {} does not exist{like}", program.display())
            }
            (_, _) => format!("plugin {} does not exist", program.display()),
        };
        Err(Missing::Unusable(message))
    }

    fn by_name(&self, named: &str) -> Result<PluginRef, Missing> {
        let mut known: Vec<String> = Vec::new();
        for directory in &self.directories {
            let mut registry: Registry = registry::read_directory(directory).map_err(Missing::Registry)?;
            if let Some(plugin) = registry.remove(named) {
                let origin = PluginOrigin::Registry(plugin.place);
                return Ok(PluginRef {
                    program: plain(&plugin.program),
                    args: plugin.args,
                    env: plugin.env,
                    origin,
                });
            }
            known.extend(registry.into_keys());
        }
        if let Some(directory) = &self.host_directory {
            let own = own_plugins(directory);
            if own.iter().any(|name| name == named) {
                return Ok(found(directory.join(named), PluginOrigin::Beside));
            }
            known.extend(own);
        }
        let like = suggestion(named, known.iter().map(String::as_str));
        Err(Missing::Unusable(format!(
            "there is no plugin {named:?} in {}{like}; a path needs a slash, as in ./{named}",
            self
        )))
    }
}

/// Lists the places, for a message.
impl fmt::Display for PluginSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, directory) in self.directories.iter().chain(&self.host_directory).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", directory.display())?;
        }
        Ok(())
    }
}

fn found(program: PathBuf, origin: PluginOrigin) -> PluginRef {
    PluginRef {
        program,
        args: Vec::new(),
        env: Environment::new(),
        origin,
    }
}

/// The path without `.`, so that messages name it as a user would.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

fn own_plugins(directory: &Path) -> Vec<String> {
    let mut names = names_in(directory);
    names.retain(|name| name.starts_with(OWN_PREFIX) && name != HOST && !name.contains('.'));
    names
}

/// The names of the files of a directory that can be read; for suggestions and the host's own directory, where a
/// directory that cannot be read has none.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let names: Vec<OsString> = files.map(|entry| entry.file_name()).collect();
    names.into_iter().filter_map(|name| name.into_string().ok()).collect()
}
