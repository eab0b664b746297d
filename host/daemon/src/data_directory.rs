//! The data directory: one store, held by one process.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k1s_object::InstanceId;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::engine::{Engine, EngineError, MemoryEngine, RedbCheck, RedbEngine, RedbOptions};
use k1s_store::{OpenOptions, Store, StoreError};
use k1s_sync_engine::id::Revision;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::cli::StoreFlags;
use crate::config::{Directories, NoDataDirectory};

/// The file of the store in the data directory.
const STORE_FILE: &str = "store.redb";
/// Longest time for which what a killed host leaves may hold the store: a process that it was about to start holds what it
/// held until it is another program.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);
/// Reads the whole file when it is opened.
const EVERY_PAGE: RedbOptions = RedbOptions {
    cache_bytes: RedbOptions::DEFAULT_CACHE_BYTES,
    check: RedbCheck::EveryPage,
};
/// Pause before a store that is held is tried again.
const RELEASE_POLL: Duration = Duration::from_millis(20);

/// Where a store is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file of this directory.
    Directory(PathBuf),
    /// In memory; files of the run itself go below this directory.
    Memory(PathBuf),
}

/// What came of making a file smaller; sizes in bytes.
#[derive(Debug)]
pub(crate) struct Compacted {
    pub(crate) file: PathBuf,
    pub(crate) before: u64,
    pub(crate) after: u64,
}

/// Why a store cannot be opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    NoPlace(#[from] NoDataDirectory),
    #[error("{}: {source}", path.display())]
    Directory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no store in {}; run a source into it first", path.display())]
    NoStore { path: PathBuf },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Place {
    /// Chooses the place that the flags ask for.
    pub(crate) fn choose(flags: &StoreFlags, directories: &Directories) -> Result<Self, OpenError> {
        let directory = match &flags.data_dir {
            Some(directory) => directory.clone(),
            None => directories.data_directory()?,
        };
        let absolute = std::path::absolute(&directory);
        let directory = absolute.map_err(|source| OpenError::Directory {
            path: directory,
            source,
        })?;
        Ok(if flags.ephemeral {
            Self::Memory(directory)
        } else {
            Self::Directory(directory)
        })
    }

    /// The directory for files of the run itself.
    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Directory(directory) | Self::Memory(directory) => directory,
        }
    }

    /// How a store there is shown to a user.
    pub(crate) fn describe(&self, revision: Revision) -> String {
        match self {
            Self::Directory(directory) => format!("{} (redb, revision {revision})", directory.display()),
            Self::Memory(_) => format!("in memory (ephemeral, revision {revision})"),
        }
    }

    /// Opens the store, making it if there is none.
    pub(crate) fn open(&self, instance_id: Option<InstanceId>) -> Result<Store, OpenError> {
        let engine: Arc<dyn Engine> = match self {
            Self::Memory(_) => Arc::new(MemoryEngine::new()),
            Self::Directory(directory) => {
                make_private(directory)?;
                Arc::new(RedbEngine::open(&directory.join(STORE_FILE), RedbOptions::default())?)
            }
        };
        Ok(Store::open(engine, options(instance_id))?)
    }

    /// Opens a store that must be there after reading its whole file; returns the file and the revision.
    pub(crate) fn check(&self) -> Result<(PathBuf, Revision), OpenError> {
        let file = self.existing()?;
        let engine = RedbEngine::open(&file, EVERY_PAGE)?;
        let store = Store::open(Arc::new(engine), options(None))?;
        let revision = store.reader().revision();
        store.close()?;
        Ok((file, revision))
    }

    /// Rewrites the file of a store that must be there and be whole, so that it takes no more room than it needs.
    pub(crate) fn compact(&self) -> Result<Compacted, OpenError> {
        let (file, _) = self.check()?;
        let before = size(&file)?;
        let mut engine = RedbEngine::open(&file, RedbOptions::default())?;
        engine.compact()?;
        // Closed, it says in the file what is free, so that the next start need not look.
        drop(engine);
        let after = size(&file)?;
        Ok(Compacted { file, before, after })
    }

    /// Opens the store as [`Place::open`] does, for a host: one that was killed a moment ago may not have let go of it.
    pub(crate) async fn take(&self, instance_id: Option<InstanceId>) -> Result<Store, OpenError> {
        let deadline = Instant::now() + RELEASE_DEADLINE;
        loop {
            match self.open(instance_id.clone()) {
                Err(OpenError::Engine(EngineError::Locked { .. })) if Instant::now() < deadline => {
                    sleep(RELEASE_POLL).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Opens a store that must be there.
    pub(crate) fn open_existing(&self) -> Result<Store, OpenError> {
        self.existing()?;
        self.open(None)
    }

    /// The file of a store that must be there.
    fn existing(&self) -> Result<PathBuf, OpenError> {
        let directory = self.directory();
        let file = directory.join(STORE_FILE);
        if file.exists() {
            Ok(file)
        } else {
            Err(OpenError::NoStore {
                path: directory.to_owned(),
            })
        }
    }
}

/// Makes a directory that only its owner may enter.
pub(crate) fn make_private(directory: &Path) -> Result<(), OpenError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| OpenError::Directory {
        path: directory.to_owned(),
        source,
    })
}

fn size(file: &Path) -> Result<u64, OpenError> {
    let metadata = std::fs::metadata(file).map_err(|source| EngineError::Io {
        path: file.to_owned(),
        source,
    })?;
    Ok(metadata.len())
}

fn options(instance_id: Option<InstanceId>) -> OpenOptions {
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    let random = u32::try_from(random & 0x7fff_ffff).unwrap_or_default();
    OpenOptions {
        instance_id,
        new_instance_id: InstanceId::generate(&hostname, SystemClock.now(), random),
        clock: Arc::new(SystemClock),
    }
}
