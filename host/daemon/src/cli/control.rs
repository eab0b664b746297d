//! `prunes`, `suspend`, `resume`, `reset`, `sources` and `status`: what a person sees of sources, and decides.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use k1s_object::NameError;
use k1s_store::command::{NotAPruneId, PruneRef};
use k1s_sync_engine::id::SourceName;

/// Which store a verb is about.
#[derive(Args, Clone, Debug, Default)]
pub struct StoreDirectory {
    /// Reads the store in this directory [default: $XDG_STATE_HOME/k1s-sync]
    #[arg(long, value_name = "D", global = true)]
    pub data_dir: Option<PathBuf>,
}

/// What `prunes` is asked to do.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::PRUNES_EXAMPLES)]
pub struct PrunesArguments {
    /// What is done.
    #[command(subcommand)]
    pub action: PrunesAction,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreDirectory,
}

/// What is done with prunes.
#[derive(Clone, Debug, Subcommand)]
pub enum PrunesAction {
    /// Lists the deletes that are held, and those that can still be undone
    List {
        /// Only those of this source
        #[arg(value_name = "SOURCE", value_parser = source_name)]
        source: Option<SourceName>,
        /// How they are shown.
        #[command(flatten)]
        output: ReportOutput,
    },
    /// Shows the objects of one
    Show {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID", value_parser = prune_ref)]
        prune: PruneRef,
        /// How they are shown.
        #[command(flatten)]
        output: ReportOutput,
    },
    /// Deletes what is held
    Approve {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID", value_parser = prune_ref)]
        prune: PruneRef,
    },
    /// Brings back what was deleted within the last 24 hours
    Undo {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID", value_parser = prune_ref)]
        prune: PruneRef,
    },
}

/// Which source a verb is about.
#[derive(Args, Clone, Debug)]
pub struct OneSource {
    /// The source
    #[arg(value_name = "SOURCE", value_parser = source_name)]
    pub source: SourceName,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreDirectory,
}

/// What `sync` is asked for.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::SYNC_EXAMPLES)]
pub struct SyncArguments {
    /// The source
    #[arg(value_name = "SOURCE", value_parser = source_name)]
    pub source: SourceName,

    /// Waits until a listing that began after this is durable, and says what came of it
    #[arg(long)]
    pub wait: bool,

    /// Takes the place that is read now as the right one, although it is another one than before
    #[arg(long)]
    pub accept_root: bool,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreDirectory,
}

/// What `kubeconfig` is asked for.
#[derive(Args, Clone, Debug)]
pub struct KubeconfigArguments {
    /// Makes a new token; the one before is refused from now on, also by a host that runs
    #[arg(long)]
    pub rotate: bool,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreDirectory,
}

/// What `sources` is asked for.
#[derive(Args, Clone, Debug)]
pub struct SourcesArguments {
    /// How they are shown.
    #[command(flatten)]
    pub output: ReportOutput,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreDirectory,
}

/// What `store` is asked for.
#[derive(Args, Clone, Debug)]
pub struct StoreArguments {
    /// What to do with the store.
    #[command(subcommand)]
    pub action: StoreAction,
}

/// What `store` does.
#[derive(Clone, Debug, Subcommand)]
pub enum StoreAction {
    /// Reads the whole file of a store that no host has open, and says whether it is as it was written
    #[command(after_help = super::STORE_CHECK_HELP)]
    Check(StoreDirectory),
    /// Makes the file of a store that no host has open as small as what is in it, and says both sizes
    #[command(after_help = super::STORE_COMPACT_HELP)]
    Compact(StoreDirectory),
}

/// What `status` is asked for.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::STATUS_EXAMPLES)]
pub struct StatusArguments {
    /// Only this source, with everything that is known of it
    #[arg(value_name = "SOURCE", value_parser = source_name)]
    pub source: Option<SourceName>,

    /// How it is shown.
    #[command(flatten)]
    pub output: ReportOutput,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreDirectory,
}

/// How a report is shown.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportOutput {
    /// Chooses the form of the answer
    #[arg(short = 'o', long = "output", value_name = "FORM", value_enum, default_value_t)]
    pub form: ReportForm,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// For people.
    #[default]
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

fn source_name(text: &str) -> Result<SourceName, NameError> {
    SourceName::new(text)
}

fn prune_ref(text: &str) -> Result<PruneRef, NotAPruneId> {
    text.parse()
}
