//! The command line: verbs, flags and exit codes, read into types.
//!
//! It starts nothing and reads no file; what a command line means is in [`Verb`], and what it does is elsewhere.
//! Verbs whose behaviour has not landed are absent.

mod control;
mod get;
mod outcome;
mod run;
mod source_flags;
mod vet;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

pub use control::{
    KubeconfigArguments, OneSource, PrunesAction, PrunesArguments, ReportForm, ReportOutput, SourcesArguments,
    StatusArguments, StoreAction, StoreArguments, StoreDirectory, SyncArguments,
};
pub use get::{GetArguments, KindQueries, KindQuery, KindQueryError, Namespaces, OutputForm, Selector};
pub use outcome::Outcome;
pub use run::{ConfigFlags, LogFormat, RunArguments, StoreFlags};
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

const PRUNES_EXAMPLES: &str = "\
Examples:
  k1s-sync-host prunes list
  k1s-sync-host prunes show 9c41
  k1s-sync-host prunes approve 9c41
  k1s-sync-host prunes undo 9c41

Exit codes: 0 done, 1 some objects had to be left alone, 2 failed.";

const STATUS_EXAMPLES: &str = "\
Examples:
  k1s-sync-host status
  k1s-sync-host status shop -o json

Exit codes: 0 every source works, 1 something failed or waits for a person, 2 failed.";

const STORE_CHECK_HELP: &str = "\
Examples:
  k1s-sync-host store check

A damaged file is left as it is: restore it from a copy, or move it away to start anew.

Exit codes: 0 it is whole, 2 it is damaged, in use or missing.";

const STORE_COMPACT_HELP: &str = "\
Examples:
  k1s-sync-host store compact

No host may have the store open. Everything that is stored stays, also when this is cut short;
the start after that takes longer. A damaged file is left as it is.

Exit codes: 0 done, 2 it is damaged, in use or missing, or the disk failed.";

const SYNC_EXAMPLES: &str = "\
Examples:
  k1s-sync-host sync shop
  k1s-sync-host sync shop --wait
  k1s-sync-host sync shop --accept-root

Exit codes: 0 done, 1 something failed or waits for a person, 2 failed.";

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
    /// Says how each source fares, with what needs a person
    Status(StatusArguments),
    /// Lists the sources that ran into the store
    Sources(SourcesArguments),
    /// Lists, approves and undoes deletes
    Prunes(PrunesArguments),
    /// Keeps a source from running; its objects stay
    Suspend(OneSource),
    /// Lets a suspended source run again
    Resume(OneSource),
    /// Makes a source list everything anew, from whatever place it reads now; its objects stay
    Reset(OneSource),
    /// Makes a source list now; needs a host that runs
    Sync(SyncArguments),
    /// Checks the file of the store, or makes it smaller
    Store(StoreArguments),
    /// Prints where the kubeconfig is that kubectl takes
    Kubeconfig(KubeconfigArguments),
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
        Ok(line.verb.unwrap_or_else(|| Self::Run(Box::new(line.run))))
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn parse(line: &str) -> Result<Verb, clap::Error> {
        Verb::parse_from([PROGRAM].into_iter().chain(line.split_whitespace()))
    }

    fn run(line: &str) -> RunArguments {
        match parse(line).unwrap() {
            Verb::Run(run) => *run,
            other @ (Verb::Get(_)
            | Verb::Status(_)
            | Verb::Sources(_)
            | Verb::Prunes(_)
            | Verb::Suspend(_)
            | Verb::Resume(_)
            | Verb::Reset(_)
            | Verb::Sync(_)
            | Verb::Store(_)
            | Verb::Kubeconfig(_)
            | Verb::Vet(_)
            | Verb::Version
            | Verb::Completion { .. }) => panic!("{other:?}"),
        }
    }

    /// `plugin name key=…` for each source.
    fn sources(line: &str) -> Vec<String> {
        let shown = |source: &crate::config::CommandLineSource| {
            let keys: Vec<String> = source.assignments.iter().map(crate::config::Assignment::key).collect();
            format!("{} {} {}", source.plugin.display(), source.name, keys.join(","))
        };
        run(line).source.sources.iter().map(shown).collect()
    }

    #[test]
    fn the_definition_holds_together() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn no_verb_is_run() {
        for line in ["--plugin ./fs --once", "run --plugin ./fs --once"] {
            let run = run(line);
            assert!(run.once, "{line}");
            assert_eq!(run.source.sources.len(), 1, "{line}");
        }
        assert!(run("").source.sources.is_empty());
    }

    #[test]
    fn names_and_settings_belong_to_the_plugin_before_them() {
        for (line, expected) in [
            ("--plugin ./k1s-sync-fs", &["./k1s-sync-fs k1s-sync-fs "][..]),
            (
                "--plugin ./source.py --set a=1 --set b.c=2",
                &["./source.py source a,b.c"],
            ),
            (
                "--plugin fs --name one --set a=1 --once --plugin=fs --set=b=2 --name=two --plugin fs",
                &["fs one a", "fs two b", "fs fs "],
            ),
            ("run --plugin fs --set a=1 -f x --name n --set b=2", &["fs n a,b"]),
        ] {
            assert_eq!(sources(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_a_usage_error() {
        for (line, expected) in [
            ("--name a --plugin fs", "--name a belongs to the --plugin before it"),
            ("--set a=1", "--set a belongs to the --plugin before it"),
            ("--plugin fs --name a --name b", "two names, a and b"),
            ("--plugin fs --name Upper", "use lower-case letters"),
            ("--plugin ./my_plugin.py", "needs a --name"),
            ("--plugin fs --set a", "not key=value"),
            ("--data-dir d --ephemeral", "cannot be used with"),
            ("--instance-id Not_Valid", "instance id"),
            ("--log-level loud", "possible values: error, warn, info, debug, trace"),
            ("--plugn fs", "similar argument exists: '--plugin'"),
            ("get", "<KIND>"),
            ("get cm,,secrets", "name a kind"),
            ("get cm/settings", "write the name apart from the kind: cm settings"),
            ("get cm a b", "unexpected argument"),
            ("get cm -A -n x", "cannot be used with"),
            ("get cm name -l a=b", "cannot be used with"),
            ("get cm -l a=(", "parenthesis"),
            ("get cm -n Upper", "use lower-case letters"),
            ("sync", "<SOURCE>"),
            ("sync a --dry-run", "unexpected argument"),
            ("get cm -o xml", "possible values: table, wide, json, yaml, name"),
            ("vet", "required"),
            ("vet -f a b", "cannot be used with"),
            ("completion csh", "possible values"),
            ("conflicts list", "unrecognized subcommand"),
            ("prunes", "subcommand"),
            ("prunes show 9c4", "4 to 16 hexadecimal characters"),
            ("prunes approve", "<ID>"),
            ("store", "subcommand"),
            ("store shrink", "unrecognized subcommand"),
            ("suspend", "<SOURCE>"),
            ("reset Upper", "use lower-case letters"),
            ("status a b", "unexpected argument"),
            ("status -o wide", "possible values: table, json, yaml"),
            ("--once get cm", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.to_string().contains(expected), "{line}: {error}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn get_is_told_what_to_read() {
        let Verb::Get(get) = parse("get deploy,Certificate.cert-manager.io -A -l app=shop -o yaml --export").unwrap()
        else {
            panic!("not get");
        };
        let query = |word: &str, group: Option<&str>| KindQuery {
            word: word.into(),
            group: group.map(str::to_owned),
        };
        assert_eq!(
            get.kinds.as_slice(),
            [query("deploy", None), query("Certificate", Some("cert-manager.io"))]
        );
        assert_eq!(
            (get.namespaces(), get.output, get.export),
            (Namespaces::All, OutputForm::Yaml, true)
        );

        for (line, expected) in [("get cm settings", "default"), ("get cm -n shop", "shop")] {
            let Verb::Get(get) = parse(line).unwrap() else {
                panic!("not get")
            };
            assert_eq!(get.namespaces(), Namespaces::One(expected), "{line}");
        }
    }

    #[test]
    fn vet_takes_files_or_a_path() {
        for (line, expected) in [
            ("vet -f a -f b", VetSubject::Configuration(&["a".into(), "b".into()])),
            ("vet ./manifests", VetSubject::Manifests(&PathBuf::from("./manifests"))),
        ] {
            let Verb::Vet(vet) = parse(line).unwrap() else {
                panic!("not vet")
            };
            assert_eq!(vet.subject(), expected, "{line}");
        }
    }

    #[test]
    fn the_examples_of_the_help_are_right() {
        let examples = [
            RUN_EXAMPLES,
            GET_EXAMPLES,
            VET_EXAMPLES,
            STORE_CHECK_HELP,
            STORE_COMPACT_HELP,
        ];
        let lines: Vec<&str> = examples
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.strip_prefix("  k1s-sync-host "))
            .collect();
        assert!(lines.len() > examples.len());
        for line in lines {
            parse(line).unwrap();
        }
    }

    #[test]
    fn no_verb_has_more_than_fifteen_flags() {
        for verb in CommandLine::command().get_subcommands() {
            let flags = verb.get_opts().filter(|flag| !flag.is_hide_set()).count();
            assert!(flags <= 15, "{} has {flags}", verb.get_name());
        }
    }

    #[test]
    fn every_shell_gets_a_script_with_the_verbs() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            write_completion(shell, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(
                [
                    "run",
                    "get",
                    "status",
                    "prunes",
                    "suspend",
                    "vet",
                    "version",
                    "completion"
                ]
                .iter()
                .all(|verb| script.contains(verb)),
                "{shell}"
            );
        }
    }

    #[test]
    fn outcomes_are_the_documented_exit_codes() {
        assert_eq!(
            [Outcome::Done, Outcome::Partial, Outcome::Failed].map(Outcome::code),
            [0, 1, 2]
        );
    }
}
