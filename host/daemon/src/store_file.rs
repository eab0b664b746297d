//! `store check` and `store compact`: the file of a store that no host has open.
//!
//! Opening a store verifies its head and roots only, so that a start takes milliseconds whatever the size. A byte that changed
//! inside a value that still decodes is found by `store check`, by the checksum of every page. `store compact` looks as closely
//! first: what it moves gets a new checksum, and would not be found any more.

use crate::cli::{Outcome, StoreAction, StoreArguments, StoreDirectory, StoreFlags};
use crate::console::line;
use crate::data_directory::{OpenError, Place};
use crate::run::directories;

/// Does with the store what is asked for.
pub(crate) fn store(arguments: &StoreArguments) -> Result<Outcome, OpenError> {
    match &arguments.action {
        StoreAction::Check(directory) => {
            let (file, revision) = place(directory)?.check()?;
            line(&format!("{} is whole, at revision {revision}", file.display()));
        }
        StoreAction::Compact(directory) => {
            let sizes = place(directory)?.compact()?;
            let (before, after) = (mebibytes(sizes.before), mebibytes(sizes.after));
            let file = sizes.file.display();
            line(&format!("{file} takes {after} MiB; it took {before} MiB"));
        }
    }
    Ok(Outcome::Done)
}

fn place(directory: &StoreDirectory) -> Result<Place, OpenError> {
    let flags = StoreFlags {
        data_dir: directory.data_dir.clone(),
        ephemeral: false,
    };
    Place::choose(&flags, &directories())
}

/// With one digit behind the point, cut off.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes / (1 << 20) * 10 + bytes % (1 << 20) * 10 / (1 << 20);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        for (bytes, expected) in [(0, "0.0"), (1_048_575, "0.9"), (1_048_576, "1.0"), (55_050_240, "52.5")] {
            assert_eq!(mebibytes(bytes), expected);
        }
    }
}
