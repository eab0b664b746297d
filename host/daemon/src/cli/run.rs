//! `run`: the daemon.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use k1s_object::InstanceId;

use super::SourceFlags;
use crate::config::LogLevel;

/// What `run` is asked to do.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::RUN_EXAMPLES)]
pub struct RunArguments {
    /// The sources of the command line.
    #[command(flatten)]
    pub source: SourceFlags,

    /// The configuration files.
    #[command(flatten)]
    pub config: ConfigFlags,

    /// Ends after every source has been live once; exit code 1 if anything failed or waits for a person
    #[arg(long)]
    pub once: bool,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreFlags,

    /// Names this host instead of the id that its data directory keeps
    #[arg(long, value_name = "ID", value_parser = InstanceId::new)]
    pub instance_id: Option<InstanceId>,

    /// Chooses how logs are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// Sets the least severe level that is logged, unless a source has its own [default: info]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub log_level: Option<LogLevel>,
}

/// Which files configure the host.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigFlags {
    /// Reads a configuration file, or every one of a directory; may be repeated
    #[arg(short = 'f', long = "file", value_name = "FILE", env = "K1S_SYNC_CONFIG")]
    pub files: Vec<PathBuf>,

    /// Looks for registry files of plugins here first
    #[arg(long, value_name = "DIR", env = "K1S_SYNC_PLUGINS")]
    pub plugins_dir: Option<PathBuf>,
}

/// Where the store is.
#[derive(Args, Clone, Debug, Default)]
pub struct StoreFlags {
    /// Keeps the store in this directory [default: $XDG_STATE_HOME/k1s-sync]
    #[arg(long, value_name = "D", conflicts_with = "ephemeral")]
    pub data_dir: Option<PathBuf>,

    /// Keeps the store in memory only
    #[arg(long)]
    pub ephemeral: bool,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}
