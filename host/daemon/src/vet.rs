//! `vet`: checks a configuration, or manifests through the filesystem plugin, and writes nothing.

use std::path::{Path, PathBuf};

use k1s_object::NameError;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::message::Mode;

use crate::cli::{ConfigFlags, Outcome, SourceFlags, StoreFlags, VetArguments, VetSubject};
use crate::config::{Assignment, CommandLineSource};
use crate::console::{Console, line};
use crate::data_directory::Place;
use crate::run::{Conduct, RunError, configure, directories, host, supervise};

/// The plugin that reads manifests.
const FILESYSTEM: &str = "k1s-sync-fs";

/// Checks what the arguments name.
pub(crate) async fn vet(arguments: VetArguments) -> Result<Outcome, RunError> {
    let working_directory = std::env::current_dir().map_err(RunError::WorkingDirectory)?;
    let plugins_dir = arguments.plugins_dir.clone();
    match arguments.subject() {
        VetSubject::Configuration(files) => {
            let files = ConfigFlags {
                files: files.to_vec(),
                plugins_dir,
            };
            let configuration = configure(&SourceFlags::default(), &files, None, None, &working_directory)?;
            line(&format!("{} sources, nothing wrong", configuration.sources.len()));
            Ok(Outcome::Done)
        }
        VetSubject::Manifests(path) => manifests(path, plugins_dir, &working_directory).await,
    }
}

/// Runs the plugin once into a store in memory, which is then forgotten.
async fn manifests(path: &Path, plugins_dir: Option<PathBuf>, working_directory: &Path) -> Result<Outcome, RunError> {
    let flags = source_flags(path)?;
    let files = ConfigFlags {
        files: Vec::new(),
        plugins_dir,
    };
    let configuration = configure(&flags, &files, None, None, working_directory)?;
    let place = Place::choose(
        &StoreFlags {
            data_dir: None,
            ephemeral: true,
        },
        &directories(),
    )?;
    let store = place.open(None)?;
    let mut console = Console::vetting(working_directory.to_owned());
    let host = host(&store, place.directory())?;
    let conduct = Conduct {
        mode: Mode::Once,
        serving: None,
        reloader: None,
    };
    let outcome = supervise(&store, host, configuration, conduct, &mut console).await?;
    store.close()?;
    Ok(outcome)
}

/// The same source that a user would name on the command line.
fn source_flags(path: &Path) -> Result<SourceFlags, NameError> {
    let source = CommandLineSource {
        name: SourceName::new("vet")?,
        plugin: FILESYSTEM.into(),
        assignments: vec![Assignment::of_text("path", &path.to_string_lossy())],
    };
    Ok(SourceFlags { sources: vec![source] })
}
