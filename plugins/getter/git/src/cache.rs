//! The objects of one repository on disk.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use git2::{Indexer, Odb};

use crate::limits::Limits;
use crate::objects::Objects;

/// Whose the directories are: ours alone.
const DIRECTORY_MODE: u32 = 0o700;
/// The same of files, which nobody writes again.
const FILE_MODE: u32 = 0o400;
/// What names of packs begin with.
const PACK_PREFIX: &str = "pack-";
/// The files of a pack, in the order in which they go.
const EXTENSIONS: [&str; 2] = ["idx", "pack"];

/// The objects of one repository on disk, in a directory that is ours alone and has nothing else: no configuration, no
/// reference, no place where something is checked out.
///
/// It can be thrown away at any time. Only one process may have it open.
#[derive(Clone, Debug)]
pub struct Cache {
    objects: PathBuf,
    packs: PathBuf,
}

/// The cache fails.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A directory cannot be made or read.
    #[error("the cache {} cannot be used: {source}", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory is there that is not ours alone.
    #[error("the cache {} is a link, belongs to somebody else, or lets others in: it must be a directory with mode 0700", .0.display())]
    NotOurs(PathBuf),
    /// The path is not one that libgit2 takes.
    #[error("the path of the cache is not UTF-8: {}", .0.display())]
    Path(PathBuf),
    /// It cannot be opened.
    #[error("the cache cannot be opened: {0}")]
    Open(#[source] git2::Error),
    /// A pack cannot be indexed: it is damaged, or the disk is full.
    #[error("the pack cannot be taken in: {0}")]
    Index(#[source] git2::Error),
    /// A pack cannot be read or written.
    #[error("the pack cannot be taken in: {0}")]
    Copy(#[source] io::Error),
}

impl Cache {
    /// Opens the cache in `directory`, which is made if it is not there; what an earlier process left half done is removed.
    ///
    /// # Errors
    /// Fails if the directory cannot be made, or is there and is not ours alone.
    pub fn open(directory: &Path) -> Result<Self, CacheError> {
        let objects = directory.join("objects");
        let packs = objects.join("pack");
        for path in [directory, &objects, &packs] {
            own(path)?;
        }
        tidy(&packs).map_err(|source| CacheError::Directory {
            path: packs.clone(),
            source,
        })?;
        Ok(Self { objects, packs })
    }

    /// Opens the objects that are there now; of what comes later it may know nothing.
    ///
    /// # Errors
    /// Fails if the directory cannot be read.
    pub fn objects(&self, limits: &Limits) -> Result<Objects, CacheError> {
        Objects::new(self.odb()?, self.objects.clone(), limits).map_err(CacheError::Open)
    }

    /// Throws away everything, as when something of it is damaged.
    ///
    /// # Errors
    /// Fails if the system refuses.
    pub fn clear(&self) -> Result<(), CacheError> {
        for name in self.packs().map_err(CacheError::Copy)?.keys() {
            self.remove(name).map_err(CacheError::Copy)?;
        }
        Ok(())
    }

    /// Makes a file for a pack that comes, which is gone when it is closed.
    pub(crate) fn spool(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.objects)
    }

    /// Takes in a pack without deltas, and returns its name. It is on the disk when this returns.
    pub(crate) fn take_in(&self, mut pack: File) -> Result<String, CacheError> {
        pack.seek(SeekFrom::Start(0)).map_err(CacheError::Copy)?;
        // libgit2 could make sure that nothing is missing behind an object; but files are, on purpose.
        let mut indexer = Indexer::new(None, &self.packs, FILE_MODE, false).map_err(CacheError::Index)?;
        io::copy(&mut pack, &mut indexer).map_err(CacheError::Copy)?;
        let name = indexer.commit().map_err(CacheError::Index)?;
        self.sync(&name).map_err(CacheError::Copy)?;
        Ok(name)
    }

    /// Waits until a pack is on the disk, before anybody relies on it or removes what it replaces.
    fn sync(&self, name: &str) -> io::Result<()> {
        for extension in EXTENSIONS {
            File::open(self.path(name, extension))?.sync_all()?;
        }
        File::open(&self.packs)?.sync_all()
    }

    /// Returns the packs, by name, and how large they are.
    pub(crate) fn packs(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut packs = BTreeMap::new();
        for entry in fs::read_dir(&self.packs)? {
            let entry = entry?;
            let file = entry.file_name();
            let name = file
                .to_str()
                .and_then(|name| name.strip_prefix(PACK_PREFIX)?.strip_suffix(".pack"));
            if let Some(name) = name {
                packs.insert(name.to_owned(), entry.metadata()?.len());
            }
        }
        Ok(packs)
    }

    /// Removes a pack. Its index goes first: what is then half there is removed with the next opening.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        for extension in EXTENSIONS {
            match fs::remove_file(self.path(name, extension)) {
                // It went when it was tried before.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.packs.join(format!("{PACK_PREFIX}{name}.{extension}"))
    }

    fn odb(&self) -> Result<Odb<'static>, CacheError> {
        let path = self.objects.to_str();
        let path = path.ok_or_else(|| CacheError::Path(self.objects.clone()))?;
        let odb = Odb::new().map_err(CacheError::Open)?;
        odb.add_disk_alternate(path).map_err(CacheError::Open)?;
        Ok(odb)
    }
}

/// Makes a directory that is ours alone, or makes sure that it is.
fn own(path: &Path) -> Result<(), CacheError> {
    let fail = |source| CacheError::Directory {
        path: path.to_owned(),
        source,
    };
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fail(error)),
    }
    let found = fs::symlink_metadata(path).map_err(fail)?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw();
    if !found.is_dir() || !is_ours || found.permissions().mode() & 0o077 != 0 {
        return Err(CacheError::NotOurs(path.to_owned()));
    }
    Ok(())
}

/// Removes what is no pack with its index: packs come into being by renames, the pack last.
fn tidy(packs: &Path) -> io::Result<()> {
    for entry in fs::read_dir(packs)? {
        let path = entry?.path();
        let is_whole = match path.extension().and_then(|extension| extension.to_str()) {
            Some("pack") => path.with_extension("idx").exists(),
            Some("idx") => path.with_extension("pack").exists(),
            Some(_) | None => false,
        };
        if !is_whole {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
