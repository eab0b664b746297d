//! `vet`: checks offline and writes nothing.

use std::path::PathBuf;

use clap::Args;

/// What `vet` is asked to check.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::VET_EXAMPLES)]
pub struct VetArguments {
    /// A configuration file, or a directory of them; may be repeated
    #[arg(
        short = 'f',
        long = "file",
        value_name = "FILE",
        required_unless_present = "path",
        conflicts_with = "path"
    )]
    files: Vec<PathBuf>,

    /// A file or folder of manifests
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,

    /// Looks for registry files of plugins here first
    #[arg(long, value_name = "DIR", env = "K1S_SYNC_PLUGINS")]
    pub plugins_dir: Option<PathBuf>,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VetSubject<'a> {
    /// The configuration that these files make together.
    Configuration(&'a [PathBuf]),
    /// The manifests below a path.
    Manifests(&'a PathBuf),
}

impl VetArguments {
    /// What is to be checked.
    #[must_use]
    pub fn subject(&self) -> VetSubject<'_> {
        match &self.path {
            Some(path) => VetSubject::Manifests(path),
            None => VetSubject::Configuration(&self.files),
        }
    }
}
