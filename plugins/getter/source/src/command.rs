//! What verbs for people have in common: how they are told apart, how they fail, and what they say.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use k1s_source::Diagnostic;

use crate::errand::ErrandError;
use crate::lock::LockError;

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// To fetch, with these arguments.
    Fetch(Vec<OsString>),
    /// To write a lock file, with these arguments.
    Lock(Vec<OsString>),
    /// Anything else.
    Else,
}

impl Asked {
    /// Reads the arguments, the program's name first.
    pub fn of(arguments: impl Iterator<Item = OsString>) -> Self {
        let arguments: Vec<OsString> = arguments.skip(1).collect();
        match arguments.first().and_then(|first| first.to_str()) {
            Some("fetch") => Self::Fetch(arguments),
            Some("lock") => Self::Lock(arguments),
            Some(_) | None => Self::Else,
        }
    }
}

/// Nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// An address or an option is wrong.
    #[error("{}", faults(.0))]
    Options(Vec<Diagnostic>),
    /// There is something where a new directory was to be.
    #[error("{}: there is something already, and nothing of it is touched", .0.display())]
    NotEmpty(PathBuf),
    /// The new directory would be part of what is fetched.
    #[error("{}: it lies in the folder that is fetched; name a directory outside of it", .0.display())]
    Within(PathBuf),
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An address could not be asked.
    #[error(transparent)]
    Errand(#[from] ErrandError),
    /// A file cannot be taken.
    #[error("{path}: {said}")]
    Refused {
        /// Which.
        path: String,
        /// Why.
        said: String,
    },
    /// The files are too large together.
    #[error("its files are more than {0} bytes together")]
    TooMuch(u64),
    /// A lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A folder of this machine has no revision that could be locked.
    #[error("{0}: a folder of this machine has no revision to be locked")]
    Folder(String),
}

impl From<Vec<Diagnostic>> for CommandError {
    fn from(faults: Vec<Diagnostic>) -> Self {
        Self::Options(faults)
    }
}

impl CommandError {
    /// Says of what the system refused where that was.
    pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            path: path.clone(),
            source,
        }
    }
}

fn faults(faults: &[Diagnostic]) -> String {
    let said: Vec<&str> = faults.iter().map(Diagnostic::summary).collect();
    said.join("\n")
}

/// Reads the arguments of a verb; what is no verb's is said, with the exit code that goes with it.
pub(crate) fn parsed<A: clap::Parser>(arguments: &[OsString]) -> Result<A, ExitCode> {
    A::try_parse_from(arguments).map_err(|error| {
        let code = u8::try_from(error.exit_code()).unwrap_or(2);
        match error.print() {
            Ok(()) => ExitCode::from(code),
            Err(_) => ExitCode::FAILURE,
        }
    })
}

/// What is said at the end, and the exit code.
pub(crate) struct Said {
    text: String,
    code: ExitCode,
}

impl Said {
    /// Says what was done, or why nothing was.
    pub(crate) fn of(done: Result<String, CommandError>) -> Self {
        match done {
            Ok(text) => Self {
                text,
                code: ExitCode::SUCCESS,
            },
            Err(error) => Self {
                text: format!("k1s-sync-getter: {error}\n"),
                code: ExitCode::from(2),
            },
        }
    }

    /// Writes it to standard error, and returns the exit code.
    pub(crate) fn tell(self) -> ExitCode {
        match io::stderr().write_all(self.text.as_bytes()) {
            Ok(()) => self.code,
            Err(_) => ExitCode::FAILURE,
        }
    }
}
