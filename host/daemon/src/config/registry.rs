//! Registry files: `plugins.d/*.yaml`, each of which gives one plugin a name.
//!
//! Read only when a plugin is named by name. Who can write such a file can run programs as the host's user, so files and
//! directories that others can write to are refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;

use super::files::{self, FileText};
use super::finding::{Finding, Place};
use super::node::{Node, Read, Sheet};
use super::schema::{EnvironmentText, LabelText, WordText};
use super::source_entry::{Environment, environment};
use super::word::{ConfigVersion, Word};

const PLUGIN_LATER: &[&str] = &["permissions", "pins"];

/// A file of kind SourcePlugin: gives a plugin a name, by which configurations find it.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "SourcePlugin", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PluginEntry {
    /// The version of this format.
    #[schemars(with = "WordText<ConfigVersion>")]
    #[expect(dead_code, reason = "there is one version; reading it is the check")]
    api_version: ConfigVersion,
    /// The kind of this file.
    #[schemars(with = "WordText<PluginKind>")]
    #[expect(dead_code, reason = "reading it is the check")]
    kind: PluginKind,
    /// Names the plugin: a DNS-1123 label, unlike any other in its directory.
    #[schemars(with = "LabelText")]
    name: PluginName,
    /// The path of the executable, absolute or relative to this file.
    #[schemars(with = "String")]
    command: CommandPath,
    /// What the executable is started with.
    args: Option<Vec<String>>,
    /// Environment variables for the plugin.
    #[schemars(with = "Option<EnvironmentText>")]
    env: Option<Environment>,
}

/// The kind of a registry file.
#[derive(Clone, Copy, Debug)]
enum PluginKind {
    SourcePlugin,
}

impl Word for PluginKind {
    const WORDS: &'static [(&'static str, Self)] = &[("SourcePlugin", Self::SourcePlugin)];
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PluginName(String);

#[derive(Debug)]
struct CommandPath(PathBuf);

impl Read for PluginEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let api_version = fields.required("apiVersion");
        let kind = fields.required("kind");
        let name = fields.required("name");
        let command = fields.required("command");
        let args = fields.optional("args");
        let env = fields.node("env").and_then(|node| environment(&node));
        fields.finish(PLUGIN_LATER);
        Some(Self {
            api_version: api_version?,
            kind: kind?,
            name: name?,
            command: command?,
            args,
            env,
        })
    }
}

impl Read for PluginName {
    fn read(node: &Node<'_>) -> Option<Self> {
        let name = node.text()?;
        match k1s_object::validate_label_name(name) {
            Ok(()) => Some(Self(name.to_owned())),
            Err(error) => node.refuse(format!("the name {error}")),
        }
    }
}

impl Read for CommandPath {
    fn read(node: &Node<'_>) -> Option<Self> {
        let text = node.text()?;
        if text.contains('/') {
            Some(Self(PathBuf::from(text)))
        } else {
            node.refuse(format!(
                "{text:?} is not a path; write it out from /, or ./{text} for one beside this file"
            ))
        }
    }
}

/// A plugin as a registry file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Environment,
    pub(super) place: Place,
}

/// The registry files of one directory, by the names they give.
pub(super) type Registry = BTreeMap<String, Registered>;

/// Reads every registry file of a directory; one that does not exist has none.
pub(super) fn read_directory(directory: &Path) -> Result<Registry, Vec<Finding>> {
    let files = match files::of_directory(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Registry::new()),
        Err(error) => return Err(vec![files::unreadable(directory, &error)]),
    };
    let mut registry = Registry::new();
    let mut findings = Vec::new();
    for file in files {
        match read_file(&file).and_then(|(name, plugin)| enter(&mut registry, name, plugin)) {
            Ok(()) => {}
            Err(found) => findings.extend(found),
        }
    }
    if findings.is_empty() {
        Ok(registry)
    } else {
        Err(findings)
    }
}

fn enter(registry: &mut Registry, name: PluginName, plugin: Registered) -> Result<(), Vec<Finding>> {
    if let Some(first) = registry.get(&name.0) {
        let message = format!("the plugin {:?} is already named in {}", name.0, first.place);
        return Err(vec![Finding {
            place: Some(plugin.place),
            message,
        }]);
    }
    registry.insert(name.0, plugin);
    Ok(())
}

fn read_file(file: &Path) -> Result<(PluginName, Registered), Vec<Finding>> {
    let FileText { file, text } = files::read(file).map_err(|finding| vec![finding])?;
    let whole = Place::whole(&file);
    if let Err(error) = k1s_process::check_unalterable(&file) {
        return Err(vec![Finding {
            place: Some(whole),
            message: error.to_string(),
        }]);
    }
    let sheet = Sheet::parse(&file, &text).map_err(|finding| vec![finding])?;
    let entry = PluginEntry::read(&sheet.root());
    let place = sheet.place("/name");
    let findings = sheet.into_findings();
    match entry {
        Some(entry) if findings.is_empty() => Ok((
            entry.name,
            registered(&file, entry.command, entry.args, entry.env, place),
        )),
        Some(_) | None => Err(findings),
    }
}

fn registered(
    file: &Arc<PathBuf>,
    CommandPath(command): CommandPath,
    args: Option<Vec<String>>,
    env: Option<Environment>,
    place: Place,
) -> Registered {
    let program = match file.parent() {
        Some(directory) => directory.join(command),
        None => command,
    };
    Registered {
        program,
        args: args.unwrap_or_default(),
        env: env.unwrap_or_default(),
        place,
    }
}
