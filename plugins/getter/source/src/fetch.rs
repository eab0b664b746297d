//! `fetch SRC DIR`: brings what an address names into a new directory, without a host.
//!
//! Everything is written beside the directory first, which then takes its name in one step, so that a failure leaves nothing.
//! The directory must not be there, or be empty. Links are not made, and said.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use k1s_getter_address::{Address, AddressError, Policy, Transport};
use tempfile::TempDir;

use crate::cache::Cache;
use crate::config::Access;
use crate::content::Content;
use crate::origin::{Contents, Looked, Meter, OriginError};
use crate::origins::{self, Unsupported};
use crate::pick::{Pick, Picked, What, pick};
use crate::tree::{Mode, Tree};
use crate::weigh::Scale;
use crate::wish::{Files, Wish};

/// The word that asks for it.
const VERB: &str = "fetch";
/// How often the progress is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// To fetch, with these arguments.
    Fetch(Vec<OsString>),
    /// Anything else.
    Else,
}

impl Asked {
    /// Reads the arguments, the program's name first.
    pub fn of(arguments: impl Iterator<Item = OsString>) -> Self {
        let arguments: Vec<OsString> = arguments.skip(1).collect();
        match arguments.first() {
            Some(first) if first == VERB => Self::Fetch(arguments),
            Some(_) | None => Self::Else,
        }
    }
}

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
    /// Permits a transport that is not protected
    #[arg(long, value_name = "TRANSPORT", value_enum)]
    allow: Vec<Allowed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Allowed {
    Http,
    Git,
    File,
}

impl Allowed {
    fn transport(self) -> Transport {
        match self {
            Self::Http => Transport::Http,
            Self::Git => Transport::Git,
            Self::File => Transport::File,
        }
    }
}

/// Nothing was put into the directory.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Address(#[source] AddressError),
    #[error("{0}")]
    Unsupported(#[source] Unsupported),
    #[error("{}: there is something already, and nothing of it is touched", .0.display())]
    NotEmpty(PathBuf),
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{address}: {source}")]
    Origin {
        address: String,
        #[source]
        source: Box<OriginError>,
    },
    #[error("{path}: {said}")]
    Refused { path: String, said: String },
    #[error("its files are more than {0} bytes together")]
    TooMuch(u64),
    #[error("the runtime cannot start: {0}")]
    Runtime(#[source] io::Error),
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
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::FAILURE
            };
        }
    };
    let (said, code) = match run(&arguments) {
        Ok(fetched) => (report(&arguments.directory, &fetched), ExitCode::SUCCESS),
        Err(error) => (format!("k1s-sync-getter: {error}\n"), ExitCode::from(2)),
    };
    match io::stderr().write_all(said.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

fn report(directory: &Path, fetched: &Fetched) -> String {
    let Fetched { files, left, revision } = fetched;
    let left = left.iter().map(|line| format!("{line}\n"));
    let done = format!("{}: {files} files, {revision}\n", directory.display());
    left.chain([done]).collect()
}

fn run(arguments: &Arguments) -> Result<Fetched, FetchError> {
    let here = std::env::current_dir().map_err(io_at(Path::new(".")))?;
    let policy = Policy::default().relative_to(&here.to_string_lossy());
    let policy = arguments
        .allow
        .iter()
        .fold(policy, |policy, allowed| policy.allowing(allowed.transport()));
    let address = Address::parse(&arguments.source, &policy).map_err(FetchError::Address)?;
    let directory = here.join(&arguments.directory);
    is_free(&directory)?;
    let staging = staging(&directory)?;
    let fetched = brought(&address, staging.path())?;
    publish(staging, &directory)?;
    Ok(fetched)
}

/// Refuses a directory in which there is anything, and all that is no directory.
fn is_free(directory: &Path) -> Result<(), FetchError> {
    let occupied = || FetchError::NotEmpty(directory.to_owned());
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_at(directory)(error)),
        Ok(found) if !found.is_dir() => Err(occupied()),
        Ok(_) => match fs::read_dir(directory).map_err(io_at(directory))?.next() {
            None => Ok(()),
            Some(_) => Err(occupied()),
        },
    }
}

/// Makes a directory of our own beside the one that is meant.
fn staging(directory: &Path) -> Result<TempDir, FetchError> {
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let made = tempfile::Builder::new().prefix(".k1s-sync-getter-").tempdir_in(parent);
    made.map_err(io_at(parent))
}

/// Brings everything into `staging/tree`.
fn brought(address: &Address, staging: &Path) -> Result<Fetched, FetchError> {
    let fault = |source: OriginError| FetchError::Origin {
        address: address.to_string(),
        source: Box::new(source),
    };
    let cache = Arc::new(Cache::open(&staging.join("cache")).map_err(|error| fault(error.into()))?);
    let meter = Arc::new(Meter::default());
    let access = Access::default();
    let mut origin = origins::open(address, &access, cache, &meter).map_err(FetchError::Unsupported)?;
    let wish = Wish {
        subdir: address.subdir.clone(),
        files: Files::All,
        file_bytes: access.bounds.archive.file_bytes,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(FetchError::Runtime)?;
    let bar = bar();
    let bringing = async {
        let tree = match origin.look(None, &wish).await? {
            Looked::Other(tree) => tree,
            Looked::Same => Tree::default(),
        };
        let picked = pick(&tree, &wish, &Default::default()).map_err(OriginError::Pick)?;
        let wanted = picked.picks.iter().filter_map(|pick| match &pick.what {
            What::File(blob) => Some(blob.content.clone()),
            What::ChartPart | What::Link | What::Submodule | What::Refused(_) => None,
        });
        origin.bring(&wanted.collect()).await?;
        Ok((tree.revision, picked))
    };
    let (revision, picked) = runtime.block_on(shown(&bar, &meter, bringing)).map_err(fault)?;
    let scale = Scale {
        file_bytes: wish.file_bytes,
        total_bytes: access.bounds.archive.total_bytes,
    };
    let mut writing = Writing {
        contents: origin.contents(),
        scale,
        written: 0,
        fault: &fault,
    };
    let fetched = writing.tree(&picked, revision, &staging.join("tree"));
    bar.finish_and_clear();
    fetched
}

fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {msg} {bytes} in {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
    .with_message("fetching")
}

/// Waits for the work, and draws how far it is.
async fn shown<T>(bar: &ProgressBar, meter: &Meter, work: impl Future<Output = T>) -> T {
    let mut ticks = tokio::time::interval(DRAWN_EVERY);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {
                bar.set_position(meter.bytes());
                bar.tick();
            }
        }
    }
}

/// Files that are being written.
struct Writing<'a> {
    contents: Box<dyn Contents>,
    scale: Scale,
    /// How much was written, in bytes; a content counts wherever it goes.
    written: u64,
    fault: &'a dyn Fn(OriginError) -> FetchError,
}

impl Writing<'_> {
    /// Writes what was picked below `top`, which is made.
    fn tree(&mut self, picked: &Picked, revision: String, top: &Path) -> Result<Fetched, FetchError> {
        let mut fetched = Fetched {
            files: 0,
            left: Vec::new(),
            revision,
        };
        let mut directories = DirBuilder::new();
        directories.recursive(true).mode(0o755);
        directories.create(top).map_err(io_at(top))?;
        for Pick { path, what } in &picked.picks {
            match what {
                What::File(blob) => {
                    let file = top.join(path);
                    let parent = file.parent().unwrap_or(top);
                    directories.create(parent).map_err(io_at(parent))?;
                    let bytes = self.content(path, &blob.content)?;
                    write(&file, &bytes, blob.mode).map_err(io_at(&file))?;
                    fetched.files += 1;
                }
                What::Link => fetched.left.push(format!("{path}: a link, which is not made")),
                What::Submodule => fetched.left.push(format!("{path}: a submodule, which is not fetched")),
                What::ChartPart => {}
                What::Refused(refusal) => {
                    return Err(FetchError::Refused {
                        path: path.clone(),
                        said: refusal.said.clone(),
                    });
                }
            }
        }
        Ok(fetched)
    }

    fn content(&mut self, path: &str, content: &Content) -> Result<Vec<u8>, FetchError> {
        let Scale {
            file_bytes,
            total_bytes,
        } = self.scale;
        let read = self.contents.read(content, file_bytes);
        let bytes = read.map_err(|error| match error.refusal("the limit", file_bytes) {
            Some(refusal) => FetchError::Refused {
                path: path.to_owned(),
                said: refusal.said,
            },
            None => (self.fault)(error),
        })?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(length);
        if self.written > total_bytes {
            return Err(FetchError::TooMuch(total_bytes));
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
fn publish(staging: TempDir, directory: &Path) -> Result<(), FetchError> {
    let tree = staging.path().join("tree");
    fs::set_permissions(&tree, fs::Permissions::from_mode(0o755)).map_err(io_at(&tree))?;
    let occupied = [
        io::ErrorKind::DirectoryNotEmpty,
        io::ErrorKind::AlreadyExists,
        io::ErrorKind::NotADirectory,
    ];
    fs::rename(&tree, directory).map_err(|error| {
        if occupied.contains(&error.kind()) {
            FetchError::NotEmpty(directory.to_owned())
        } else {
            io_at(directory)(error)
        }
    })?;
    staging.close().map_err(io_at(directory))
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Io {
        path: path.clone(),
        source,
    }
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
        assert!(matches!(written, Err(FetchError::TooMuch(5000))));
        assert_eq!(fs::read_dir(room.path().join("tree")).unwrap().count(), 5);
    }
}
