//! `store check`: whether the file of a store is as it was written.
//!
//! Opening a store verifies its head and roots only, so that a start takes milliseconds whatever the size. A byte that changed
//! inside a value that still decodes is found here, by the checksum of every page.

use crate::cli::{Outcome, StoreAction, StoreArguments, StoreFlags};
use crate::console::line;
use crate::data_directory::{OpenError, Place};
use crate::run::directories;

/// Does with the store what is asked for.
pub(crate) fn store(arguments: &StoreArguments) -> Result<Outcome, OpenError> {
    let StoreAction::Check(directory) = &arguments.action;
    let flags = StoreFlags {
        data_dir: directory.data_dir.clone(),
        ephemeral: false,
    };
    let (file, revision) = Place::choose(&flags, &directories())?.check()?;
    line(&format!("{} is whole, at revision {revision}", file.display()));
    Ok(Outcome::Done)
}
