//! The command line: verbs, flags and exit codes, read into types.
//!
//! It starts nothing and reads no file; what a command line means is in [`Verb`], and what it does is elsewhere.
//! Verbs whose behaviour has not landed are absent.

mod get;
mod outcome;
mod run;
mod selector;
mod source_flags;
mod vet;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

pub use get::{GetArguments, KindQuery, Namespaces, OutputForm};
pub use outcome::Outcome;
pub use run::{ConfigFlags, LogFormat, RunArguments, StoreFlags};
pub use selector::{LabelSelector, SelectorError};
pub use source_flags::SourceFlags;
pub use vet::{VetArguments, VetSubject};

/// The name of the program, as users type it.
pub const PROGRAM: &str = "k1s-sync-host";

const RUN_EXAMPLES: &str = "\
Examples:
  k1s-sync-host --plugin ./k1s-sync-fs --set path=./manifests
  k1s-sync-host run -f /etc/k1s-sync --once
  k1s-sync-host --plugin ./k1s-sync-fs --name shop --set path=./shop --plugin ./k1s-sync-fs --name base --set path=./base

Exit codes: 0 done, 1 something failed or waits for a person, 2 failed.";

const GET_EXAMPLES: &str = "\
Examples:
  k1s-sync-host get configmaps -A
  k1s-sync-host get deploy,svc -n shop -l app=cart
  k1s-sync-host get Deployment.apps cart -n shop -o yaml --export";

const VET_EXAMPLES: &str = "\
Examples:
  k1s-sync-host vet -f sync.yaml
  k1s-sync-host vet ./manifests

Exit codes: 0 nothing found, 1 something found, 2 failed.";

/// The whole command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = PROGRAM,
    version,
    about = "Makes an embedded Kubernetes-shaped store hold what its sources declare",
    long_about = None,
    args_conflicts_with_subcommands = true,
    after_help = RUN_EXAMPLES
)]
struct CommandLine {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: RunArguments,
}

/// What the program is asked to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Runs the daemon; the same as no verb
    Run(Box<RunArguments>),
    /// Reads the store, with the same answers as kubectl
    Get(GetArguments),
    /// Checks a configuration, or manifests, offline; nothing is written
    Vet(VetArguments),
    /// Prints the version
    Version,
    /// Prints a completion script
    Completion {
        /// The shell that is to read it
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

impl Verb {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// A message for the user; also for `--help` and `--version`. [`clap::Error::exit`] prints it and ends with 2, or 0
    /// for those two.
    pub fn parse_from(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let line = CommandLine::try_parse_from(arguments)?;
        let verb = line.verb.unwrap_or_else(|| Self::Run(Box::new(line.run)));
        match &verb {
            Self::Get(get) => get.check(),
            Self::Run(_) | Self::Vet(_) | Self::Version | Self::Completion { .. } => Ok(()),
        }
        .map_err(|error| error.format(&mut CommandLine::command()))?;
        Ok(verb)
    }
}

/// Writes the completion script of a shell.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_completion(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), PROGRAM, &mut script);
    out.write_all(&script)
}
