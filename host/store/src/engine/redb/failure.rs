//! What redb's errors mean to the store.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::engine::EngineError;

/// Calls redb, and names the file in its error.
///
/// redb trusts what it reads and panics where pages contradict each other; that is damage too. Its state stays usable:
/// it poisons the transaction that panicked, and refuses to commit it.
pub(super) fn guarded<T, E: Into<redb::Error>>(
    path: &Path,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(outcome) => outcome.map_err(|error| from_redb(path, error.into())),
        Err(panic) => Err(corrupt(path, &words(&*panic))),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    said.unwrap_or("its pages contradict each other").to_owned()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "redb may add variants; each would be a contradiction in the file"
)]
fn from_redb(path: &Path, error: redb::Error) -> EngineError {
    match error {
        redb::Error::Io(source) => from_io(path, source),
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            EngineError::Locked { path: path.into() }
        }
        redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::LockPoisoned(_) => {
            EngineError::Closed { path: path.into() }
        }
        redb::Error::ValueTooLarge(_) => EngineError::Io {
            path: path.into(),
            source: io::Error::from(io::ErrorKind::FileTooLarge),
        },
        redb::Error::Backend(source) => EngineError::Io {
            path: path.into(),
            source: io::Error::other(source),
        },
        redb::Error::Unsupported => EngineError::Io {
            path: path.into(),
            source: io::Error::from(io::ErrorKind::Unsupported),
        },
        // What is left tells of tables of other types, an older format, or pages that contradict each other.
        other => corrupt(path, &other.to_string()),
    }
}

/// Names the file in an error of the operating system.
pub(super) fn from_io(path: &Path, source: io::Error) -> EngineError {
    let kind = source.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        corrupt(path, "it is shorter than its header says")
    } else if kind == io::ErrorKind::InvalidData {
        corrupt(path, "it is not a redb file")
    } else {
        EngineError::Io {
            path: path.into(),
            source,
        }
    }
}

/// Says that a file is damaged.
pub(super) fn corrupt(path: &Path, detail: &str) -> EngineError {
    EngineError::Corrupt {
        path: path.into(),
        detail: detail.to_owned(),
    }
}
