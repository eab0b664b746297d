//! `fetch SRC DIR`: brings what an address names into a new directory, without a host.
//!
//! Everything is written beside the directory first, which then takes its name in one step, so that a failure leaves nothing.
//! The directory must not be there, or be empty. Links are not made, and said.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;

use clap::Parser;
use tempfile::TempDir;

use crate::command::{CommandError, Said, parsed};
use crate::config::Options;
use crate::content::Content;
use crate::errand::Errand;
use crate::origin::{Contents, OriginError};
use crate::pick::{Pick, Picked, What, pick};
use crate::target::Target;
use crate::tree::Mode;
use crate::weigh::Scale;

/// Brings what an address names into a new directory.
#[derive(Debug, Parser)]
#[command(name = "k1s-sync-getter fetch", bin_name = "k1s-sync-getter fetch")]
struct Arguments {
    /// What to fetch, as go-getter takes it; a relative path begins here
    #[arg(value_name = "SRC")]
    source: String,
    /// Where to put it; must not be there, or be empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Takes only the revision that a lock file says
    #[arg(long, value_name = "FILE")]
    locked: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// What was fetched.
struct Fetched {
    files: usize,
    /// What was left out, and why.
    left: Vec<String>,
    revision: String,
}

/// Does what `fetch` and its arguments ask for, and returns the exit code: 0 done, 2 failed.
#[must_use]
pub fn fetch(arguments: &[OsString]) -> ExitCode {
    match parsed::<Arguments>(arguments) {
        Ok(arguments) => {
            let fetched = run(&arguments).map(|fetched| report(&arguments.directory, &fetched));
            Said::of(fetched).tell()
        }
        Err(code) => code,
    }
}

fn report(directory: &Path, fetched: &Fetched) -> String {
    let Fetched { files, left, revision } = fetched;
    let left = left.iter().map(|line| format!("{line}\n"));
    let done = format!("{}: {files} files, {revision}\n", directory.display());
    left.chain([done]).collect()
}

fn run(arguments: &Arguments) -> Result<Fetched, CommandError> {
    let here = std::env::current_dir().map_err(CommandError::at(Path::new(".")))?;
    let settings = arguments.options.settings(slice::from_ref(&arguments.source), &here)?;
    let directory = here.join(&arguments.directory);
    is_free(&directory)?;
    for target in &settings.targets {
        is_apart(target, &directory)?;
    }
    let staging = staging(&directory)?;
    let lock_file = arguments.locked.as_ref().map(|path| here.join(path));
    let mut fetched = None;
    for target in &settings.targets {
        let mut errand = Errand::new(target, &settings, &staging.path().join("cache"), lock_file.as_deref())?;
        fetched = Some(brought(
            &mut errand,
            settings.access.bounds.archive.total_bytes,
            staging.path(),
        )?);
    }
    publish(staging, &directory)?;
    // There is one address.
    Ok(fetched.unwrap_or(Fetched {
        files: 0,
        left: Vec::new(),
        revision: String::new(),
    }))
}

/// Refuses a directory in which there is anything, and all that is no directory.
fn is_free(directory: &Path) -> Result<(), CommandError> {
    let occupied = || CommandError::NotEmpty(directory.to_owned());
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(CommandError::at(directory)(error)),
        Ok(found) if !found.is_dir() => Err(occupied()),
        Ok(_) => match fs::read_dir(directory).map_err(CommandError::at(directory))?.next() {
            None => Ok(()),
            Some(_) => Err(occupied()),
        },
    }
}

/// Refuses a directory that would come to lie in the folder that is fetched.
fn is_apart(target: &Target, directory: &Path) -> Result<(), CommandError> {
    let Some(folder) = target.local_folder() else {
        return Ok(());
    };
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let (folder, parent) = (folder.canonicalize(), parent.canonicalize());
    match (folder, parent) {
        (Ok(folder), Ok(parent)) if parent.starts_with(&folder) => Err(CommandError::Within(directory.to_owned())),
        // What is not there is told by whoever opens it.
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Ok(()),
    }
}

/// Makes a directory of our own beside the one that is meant.
fn staging(directory: &Path) -> Result<TempDir, CommandError> {
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let made = tempfile::Builder::new().prefix(".k1s-sync-getter-").tempdir_in(parent);
    made.map_err(CommandError::at(parent))
}

/// Brings everything into `staging/tree`.
fn brought(errand: &mut Errand, total_bytes: u64, staging: &Path) -> Result<Fetched, CommandError> {
    let tree = errand.look()?;
    let picked = pick(&tree, errand.wish(), &Default::default());
    let picked = picked.map_err(|error| errand.fault(OriginError::Pick(error)))?;
    let wanted = picked.picks.iter().filter_map(|pick| match &pick.what {
        What::File(blob) => Some(blob.content.clone()),
        What::ChartPart | What::Link | What::Submodule | What::Refused(_) => None,
    });
    let contents = errand.bring(&wanted.collect())?;
    let mut writing = Writing {
        contents,
        scale: Scale {
            file_bytes: errand.wish().file_bytes,
            total_bytes,
        },
        written: 0,
        fault: &|error| errand.fault(error).into(),
    };
    writing.tree(&picked, tree.revision, &staging.join("tree"))
}

/// Files that are being written.
struct Writing<'a> {
    contents: Box<dyn Contents>,
    scale: Scale,
    /// How much was written, in bytes; a content counts wherever it goes.
    written: u64,
    fault: &'a dyn Fn(OriginError) -> CommandError,
}

impl Writing<'_> {
    /// Writes what was picked below `top`, which is made.
    fn tree(&mut self, picked: &Picked, revision: String, top: &Path) -> Result<Fetched, CommandError> {
        let mut fetched = Fetched {
            files: 0,
            left: Vec::new(),
            revision,
        };
        let mut directories = DirBuilder::new();
        directories.recursive(true).mode(0o755);
        directories.create(top).map_err(CommandError::at(top))?;
        for Pick { path, what } in &picked.picks {
            match what {
                What::File(blob) => {
                    let file = top.join(path);
                    let parent = file.parent().unwrap_or(top);
                    directories.create(parent).map_err(CommandError::at(parent))?;
                    let bytes = self.content(path, &blob.content)?;
                    write(&file, &bytes, blob.mode).map_err(CommandError::at(&file))?;
                    fetched.files += 1;
                }
                What::Link => fetched.left.push(format!("{path}: a link, which is not made")),
                What::Submodule => fetched.left.push(format!("{path}: a submodule, which is not fetched")),
                What::ChartPart => {}
                What::Refused(refusal) => {
                    return Err(CommandError::Refused {
                        path: path.clone(),
                        said: refusal.said.clone(),
                    });
                }
            }
        }
        Ok(fetched)
    }

    fn content(&mut self, path: &str, content: &Content) -> Result<Vec<u8>, CommandError> {
        let Scale {
            file_bytes,
            total_bytes,
        } = self.scale;
        let read = self.contents.read(content, file_bytes);
        let bytes = read.map_err(|error| match error.refusal("the limit", file_bytes) {
            Some(refusal) => CommandError::Refused {
                path: path.to_owned(),
                said: refusal.said,
            },
            None => (self.fault)(error),
        })?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(length);
        if self.written > total_bytes {
            return Err(CommandError::TooMuch(total_bytes));
        }
        Ok(bytes)
    }
}

fn write(file: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let mode = match mode {
        Mode::Plain => 0o644,
        Mode::Executable => 0o755,
    };
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
    opened.write_all(bytes)
}

/// Gives the tree the name that is meant, in one step.
fn publish(staging: TempDir, directory: &Path) -> Result<(), CommandError> {
    let tree = staging.path().join("tree");
    fs::set_permissions(&tree, fs::Permissions::from_mode(0o755)).map_err(CommandError::at(&tree))?;
    let occupied = [
        io::ErrorKind::DirectoryNotEmpty,
        io::ErrorKind::AlreadyExists,
        io::ErrorKind::NotADirectory,
    ];
    fs::rename(&tree, directory).map_err(|error| {
        if occupied.contains(&error.kind()) {
            CommandError::NotEmpty(directory.to_owned())
        } else {
            CommandError::at(directory)(error)
        }
    })?;
    staging.close().map_err(CommandError::at(directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::tests::Shelf;
    use crate::tree::Blob;

    /// A tree that names one content many times is bounded by what is written, not by what came.
    #[test]
    fn a_content_counts_wherever_it_is_written() {
        let mut shelf = Shelf::default();
        let content = shelf.put(&[0; 1000]);
        let pick = |at: usize| Pick {
            path: format!("{at}"),
            what: What::File(Blob {
                content: content.clone(),
                bytes: None,
                mode: Mode::Plain,
            }),
        };
        let picked = Picked {
            root: k1s_manifests::RelPath::root(),
            picks: (0..100).map(pick).collect(),
        };
        let room = tempfile::tempdir().unwrap();
        let mut writing = Writing {
            contents: Box::new(shelf),
            scale: Scale {
                file_bytes: 1000,
                total_bytes: 5000,
            },
            written: 0,
            fault: &|error| panic!("{error}"),
        };
        let written = writing.tree(&picked, String::new(), &room.path().join("tree"));
        assert!(matches!(written, Err(CommandError::TooMuch(5000))));
        assert_eq!(fs::read_dir(room.path().join("tree")).unwrap().count(), 5);
    }
}
