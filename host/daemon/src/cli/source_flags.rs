//! The flags that describe sources on the command line; their order matters.
//!
//! `--name` and `--set` belong to the `--plugin` before them, which no derive can say: the flags are read by their places.

use std::path::{Path, PathBuf};

use clap::builder::PathBufValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use k1s_sync_engine::id::SourceName;

use crate::config::{Assignment, CommandLineSource};

const PLUGIN: &str = "plugin";
const NAME: &str = "name";
const SET: &str = "set";

/// The sources that a command line describes, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFlags {
    /// One for each `--plugin`.
    pub sources: Vec<CommandLineSource>,
}

/// One flag with its value.
enum Flag {
    Plugin(PathBuf),
    Name(SourceName),
    Set(Assignment),
}

/// A source that is being put together.
struct Draft {
    plugin: PathBuf,
    name: Option<SourceName>,
    assignments: Vec<Assignment>,
}

impl Draft {
    fn finish(self) -> Result<CommandLineSource, Error> {
        let name = self.name.map_or_else(|| stem(&self.plugin), Ok)?;
        Ok(CommandLineSource {
            name,
            plugin: self.plugin,
            assignments: self.assignments,
        })
    }
}

fn stem(plugin: &Path) -> Result<SourceName, Error> {
    let stem = plugin
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    SourceName::new(&stem).map_err(|error| {
        let plugin = plugin.display();
        usage(&format!(
            "the source of --plugin {plugin} needs a --name: the file's stem {error}"
        ))
    })
}

fn usage(message: &str) -> Error {
    Error::raw(ErrorKind::ValueValidation, message)
}

/// All flags in the order they were written.
fn in_order(matches: &ArgMatches) -> Vec<Flag> {
    let mut flags: Vec<(usize, Flag)> = Vec::new();
    flags.extend(placed::<PathBuf>(matches, PLUGIN).map(|(at, plugin)| (at, Flag::Plugin(plugin))));
    flags.extend(placed::<SourceName>(matches, NAME).map(|(at, name)| (at, Flag::Name(name))));
    flags.extend(placed::<Assignment>(matches, SET).map(|(at, assignment)| (at, Flag::Set(assignment))));
    flags.sort_by_key(|(at, _)| *at);
    flags.into_iter().map(|(_, flag)| flag).collect()
}

fn placed<'m, T: Clone + Send + Sync + 'static>(
    matches: &'m ArgMatches,
    id: &'static str,
) -> impl Iterator<Item = (usize, T)> + 'm {
    let places = matches.indices_of(id).into_iter().flatten();
    places.zip(matches.get_many::<T>(id).into_iter().flatten().cloned())
}

impl FromArgMatches for SourceFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut sources = Vec::new();
        let mut open: Option<Draft> = None;
        for flag in in_order(matches) {
            match (flag, &mut open) {
                (Flag::Plugin(plugin), draft) => {
                    let next = Draft {
                        plugin,
                        name: None,
                        assignments: Vec::new(),
                    };
                    if let Some(done) = draft.replace(next) {
                        sources.push(done.finish()?);
                    }
                }
                (Flag::Name(name), Some(draft)) => {
                    if let Some(first) = &draft.name {
                        return Err(usage(&format!("one --plugin has two names, {first} and {name}")));
                    }
                    draft.name = Some(name);
                }
                (Flag::Set(assignment), Some(draft)) => draft.assignments.push(assignment),
                (Flag::Name(name), None) => return Err(orphan(&format!("--name {name}"))),
                (Flag::Set(assignment), None) => return Err(orphan(&format!("--set {}", assignment.key()))),
            }
        }
        if let Some(done) = open {
            sources.push(done.finish()?);
        }
        Ok(Self { sources })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn orphan(flag: &str) -> Error {
    usage(&format!("{flag} belongs to the --plugin before it, and there is none"))
}

impl Args for SourceFlags {
    fn augment_args(command: Command) -> Command {
        let plugin = Arg::new(PLUGIN)
            .long(PLUGIN)
            .value_name("P")
            .action(ArgAction::Append)
            .value_parser(PathBufValueParser::new())
            .help("Adds a source: a plugin by its path, or by its name in a registry file");
        let name = Arg::new(NAME)
            .long(NAME)
            .value_name("N")
            .action(ArgAction::Append)
            .value_parser(SourceName::new)
            .help("Names the source of the --plugin before it [default: the file's stem]");
        let set = Arg::new(SET)
            .long(SET)
            .value_name("K=V")
            .action(ArgAction::Append)
            .value_parser(str::parse::<Assignment>)
            .help("Sets one field of the configuration of the --plugin before it; dots lead into nested fields");
        command.arg(plugin).arg(name).arg(set)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
